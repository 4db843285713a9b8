"""Brokers, processes and kinds for the tests of jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feira.settings import load_settings, sqlite_path
from feira.shop.jobs import registry
from feira.shop.jobs.store import MessageStore
from feira.shop.jobs.transport import store_at
from tests.shop.jobs.brokers import broker
from tests.shop.jobs.processes import Shop, make_database, open_shop


@pytest.fixture
def own_kinds() -> Iterator[None]:
    """Forget the kinds that a test registers."""
    with registry.restored():
        yield


@pytest.fixture
def messages() -> MessageStore:
    """The embedded broker of this test process, emptied."""
    path = sqlite_path(load_settings().resolved_broker_url())
    assert path is not None
    store = store_at(path)
    for queue in registry.QUEUES:
        store.drop_queue(queue)
    return store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to be copied."""
    return make_database(tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="module", params=["embedded", "redis", "rabbitmq"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Shop]:
    """A shop over each of the brokers in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    with broker(request.param, folder) as url, open_shop(folder, url, database=empty_database) as opened:
        yield opened
