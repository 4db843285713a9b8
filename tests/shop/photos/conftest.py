"""An engine that serves small encoders beside each other, for swaps that take no time."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from feira.engine.config import EngineConfig
from feira.engine.server import create_app
from feira.engine.service import Engine
from feira.shop.photos import swap
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import ServedEncoder
from tests.conftest import ENGINE_START_S, address_of_test_database
from tests.engine.conftest import until
from tests.engine.encoders import open_test_encoder
from tests.environment import ENGINE_PORT


@pytest.fixture
def live(transactional_db: None) -> ServedEncoder:
    """The shop has written down that it is served by histograms."""
    return swap.settle("histogram-64", "histogram-64")


@pytest.fixture
def swapping_engine(live: ServedEncoder, tmp_path: Path) -> Iterator[Engine]:
    """Serve whatever the shop's roster wants."""
    config = EngineConfig(
        encoder="histogram-64",
        models_dir=tmp_path / "models",
        database_url=address_of_test_database(),
        snapshots_dir=tmp_path / "index",
        poll_s=0.02,
        roster_poll_s=0.02,
        grace_s=0.1,
        retry_s=0.05,
    )
    config.models_dir.mkdir(exist_ok=True)
    engine = Engine(config, open_encoder=open_test_encoder)
    app = create_app(engine, on_failed_start=print)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=ENGINE_PORT, log_config=None, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until(lambda: server.started and engine.ready, timeout_s=ENGINE_START_S)
        yield engine
    finally:
        server.should_exit = True
        thread.join(timeout=ENGINE_START_S)
        shop_engine().close()
