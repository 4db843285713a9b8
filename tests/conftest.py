"""What every test may use: a throw-away data folder, accounts and listings, and a real engine."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import django.conf
import pytest
import structlog
import uvicorn
from django.db import connection
from django.test import Client

from feira.engine.config import EngineConfig
from feira.engine.server import create_app
from feira.engine.service import Engine
from feira.shop.accounts.models import Account
from feira.shop.jobs import services as jobs
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.intake import sandbox
from feira.shop.photos.models import IndexLogHead
from tests.environment import DATA, ENGINE_PORT
from tests.factories import make_account

ENGINE_START_S = 20


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Keep the SQLite test database in a file, so that other processes and the engine can read it."""
    default = django.conf.settings.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default.setdefault("TEST", {})["NAME"] = str(DATA / "test.sqlite3")


def pytest_configure() -> None:
    """Hash passwords quickly: what Argon2 costs on purpose would be most of the time of these tests."""
    django.conf.settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _sandbox_is_closed() -> Iterator[None]:
    yield
    sandbox().close()


@pytest.fixture(autouse=True)
def _logs_go_where_they_went() -> Iterator[None]:
    """Take back what a command called in this process made of the logs: its stderr ends with the test."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def account(db: None) -> Account:
    """Somebody with an account and nothing else."""
    return make_account()


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
        roster_poll_s=0.05,
    )
    failures: list[BaseException] = []
    app = create_app(Engine(config), on_failed_start=failures.append)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=ENGINE_PORT, log_config=None, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until_ready(failures)
        yield f"http://127.0.0.1:{ENGINE_PORT}"
    finally:
        server.should_exit = True
        thread.join(timeout=ENGINE_START_S)
        shop_engine().close()


def wait_until_ready(failures: list[BaseException]) -> None:
    """Wait for the engine of the settings; raise what kept it from starting."""
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
