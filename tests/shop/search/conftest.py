"""A shop whose engine knows what words look like, as long as they name colours."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from feira.engine.config import EngineConfig
from feira.engine.server import create_app
from feira.engine.service import Engine
from feira.shop.jobs import services as jobs
from feira.shop.listings.models import Listing, ListingTag
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import IndexLogHead
from feira.shop.search.passing import forget_passing_photos
from feira.shop.search.patience import patience
from feira.shop.search.similarity import background
from feira.shop.search.synonyms import synonyms
from feira.shop.search.typos import vocabulary
from tests.conftest import ENGINE_START_S, address_of_test_database, wait_until_ready
from tests.engine.encoders import open_test_encoder
from tests.environment import ENGINE_PORT


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    """Forget what a process keeps for seconds or minutes about another test's shop."""
    vocabulary.forget()
    forget_passing_photos()
    background.forget()
    synonyms.forget()
    patience.note(answered=True)


@pytest.fixture
def seen(transactional_db: None, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Serve an engine whose encoder has a text side; return a function that lets it see every photo posted so far."""
    config = EngineConfig(
        encoder="named-colours",
        models_dir=tmp_path / "models",
        database_url=address_of_test_database(),
        snapshots_dir=tmp_path / "index",
        poll_s=0.02,
    )
    failures: list[BaseException] = []
    app = create_app(Engine(config, open_encoder=open_test_encoder), on_failed_start=failures.append)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=ENGINE_PORT, log_config=None, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()

    def finish() -> None:
        jobs.run_until_idle()
        # As if no classifier had named what it saw: here words have to meet pictures themselves.
        ListingTag.objects.all().delete()
        Listing.objects.update(tags_text="")
        head = IndexLogHead.objects.filter(pk=1).values_list("seq", flat=True).first() or 0
        assert shop_engine().wait_for(head, 5.0)

    try:
        wait_until_ready(failures)
        yield finish
    finally:
        server.should_exit = True
        thread.join(timeout=ENGINE_START_S)
        shop_engine().close()
