"""An index log in each kind of database, and an engine that really listens."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from feira.engine.client import EngineClient
from feira.engine.config import EngineConfig
from feira.engine.registry import open_encoder
from feira.engine.served import OpenEncoder
from feira.engine.server import create_app
from feira.engine.service import Engine
from tests.engine.shop_tables import PostgresTables, ShopTables, SqliteTables
from tests.postgresql import database_on, postgresql_server


@dataclass
class RunningEngine:
    """An engine served by uvicorn in a thread of the test."""

    engine: Engine
    client: EngineClient
    url: str


StartEngine = Callable[..., RunningEngine]


def until(fact: Callable[[], object], *, timeout_s: float = 10.0) -> None:
    """Return as soon as the fact is true; fail when it does not become so."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


@contextmanager
def running(
    config: EngineConfig, *, wait: bool = True, open_encoder: OpenEncoder = open_encoder
) -> Iterator[RunningEngine]:
    """Serve an engine on a free port until the block ends."""
    failures: list[BaseException] = []
    engine = Engine(config, open_encoder=open_encoder)
    app = create_app(engine, on_failed_start=failures.append)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        with closing(EngineClient(url, timeout_s=20.0)) as client:
            if wait:
                until(lambda: failures or client.status().ready)
                assert failures == []
            yield RunningEngine(engine, client, url)
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def sqlite_tables(tmp_path: Path) -> SqliteTables:
    tables = SqliteTables(tmp_path / "feira.sqlite3")
    tables.create()
    return tables


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def tables(request: pytest.FixtureRequest) -> Iterator[ShopTables]:
    """The log in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_tables")
        return
    with database_on(request.getfixturevalue("postgresql")) as url:
        postgres = PostgresTables(url)
        postgres.create()
        yield postgres


@pytest.fixture
def config(tmp_path: Path, sqlite_tables: SqliteTables) -> EngineConfig:
    return EngineConfig(
        encoder="descriptors",
        models_dir=tmp_path / "models",
        database_url=sqlite_tables.url,
        snapshots_dir=tmp_path / "index",
        threads=2,
        poll_s=0.02,
        roster_poll_s=0.02,
    )


@pytest.fixture
def start_engine() -> Iterator[StartEngine]:
    """Start engines that are stopped at the end of the test."""
    with ExitStack() as engines:
        yield lambda config, **how: engines.enter_context(running(config, **how))
