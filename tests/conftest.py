"""What every test may use: a throw-away data folder, accounts and listings, and a real engine."""

import atexit
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Before Django reads its settings: nothing of the developer's own shop may be touched.
DATA = Path(tempfile.mkdtemp(prefix="feira-tests-"))
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("FEIRA_") and not name.startswith("FEIRA_TEST_")]:
    del os.environ[_name]
ENGINE_PORT = _free_port()
os.environ["FEIRA_DATA_DIR"] = str(DATA)
os.environ["FEIRA_ENGINE_URL"] = f"http://127.0.0.1:{ENGINE_PORT}"
if _database := os.environ.get("FEIRA_TEST_DATABASE_URL"):
    os.environ["FEIRA_DATABASE_URL"] = _database

import django.conf  # noqa: E402 - the environment is set first
import uvicorn  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from feira.engine.config import EngineConfig  # noqa: E402
from feira.engine.server import create_app  # noqa: E402
from feira.engine.service import Engine  # noqa: E402
from feira.shop.accounts.models import Account  # noqa: E402
from feira.shop.jobs import services as jobs  # noqa: E402
from feira.shop.photos.engine import engine as shop_engine  # noqa: E402
from feira.shop.photos.models import IndexLogHead  # noqa: E402
from tests.factories import AccountFactory  # noqa: E402

ENGINE_START_S = 20


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Keep the SQLite test database in a file, so that other processes and the engine can read it."""
    default = django.conf.settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default.setdefault("TEST", {})["NAME"] = str(DATA / "test.sqlite3")


@pytest.fixture
def account(db: None) -> Account:
    """Somebody with an account and nothing else."""
    return AccountFactory()


@pytest.fixture
def browser_of(client: Client) -> Callable[[Account], Client]:
    """Return a function that signs an account in and gives back its test client."""

    def sign_in(account: Account) -> Client:
        client.force_login(account)
        return client

    return sign_in


@pytest.fixture
def engine(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """Serve a real engine with the built-in encoder on the test database; return its address."""
    config = EngineConfig(
        encoder="descriptors",
        models_dir=tmp_path / "models",
        database_url=address_of_test_database(),
        snapshots_dir=tmp_path / "index",
        poll_s=0.02,
    )
    app = create_app(Engine(config), on_failed_start=lambda error: failures.append(error))
    failures: list[BaseException] = []
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=ENGINE_PORT, log_config=None, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        _wait_until_ready(failures)
        yield f"http://127.0.0.1:{ENGINE_PORT}"
    finally:
        server.should_exit = True
        thread.join(timeout=ENGINE_START_S)
        shop_engine().close()


def _wait_until_ready(failures: list[BaseException]) -> None:
    deadline = time.monotonic() + ENGINE_START_S
    while time.monotonic() < deadline:
        if failures:
            raise failures[0]
        try:
            if shop_engine().status().ready:
                return
        except Exception:  # noqa: BLE001, S110 - not listening yet
            pass
        time.sleep(0.02)
    raise TimeoutError("the engine did not start")


def address_of_test_database() -> str:
    """Return the address of the database that this test process uses."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(config['NAME']).resolve()}"
    return f"postgres://{config['USER']}:{config['PASSWORD']}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


@pytest.fixture
def work_done(engine: str) -> Callable[[], None]:
    """Return a function that runs every waiting job here and waits until the engine has seen the results."""

    def finish() -> None:
        jobs.run_until_idle()
        head = IndexLogHead.objects.filter(pk=1).values_list("seq", flat=True).first() or 0
        assert shop_engine().wait_for(head, 5.0)

    return finish
