"""Several encoders in one engine: loaded beside each other, switched without a gap, let go."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import httpx
import numpy as np
import pytest

from feira.core.encoders.protocol import Encoder
from feira.core.errors import EncoderChanged
from feira.core.testing.photos import photo_bytes
from feira.engine.client import EngineClient
from feira.engine.config import EngineConfig
from tests.engine.conftest import RunningEngine, StartEngine, until
from tests.engine.encoders import open_test_encoder
from tests.engine.shop_tables import ShopTables, SqliteTables, want

PHOTOS = [photo_bytes((240, 10 * n, 10 * n), (60, 60), pattern="noise", seed=n) for n in range(12)]
HISTOGRAM, BRIGHTNESS = "histogram-64", "brightness"


@pytest.fixture
def beginning(config: EngineConfig) -> EngineConfig:
    return replace(config, encoder=HISTOGRAM, grace_s=0.1, retry_s=0.05)


def served(client: EngineClient) -> list[str]:
    """Return the ids of all encoders that have caught up, the live one first."""
    return [one.encoder_id for one in client.status().encoders if one.ready]


def is_live(client: EngineClient, encoder_id: str) -> bool:
    return client.status().encoder_id == encoder_id


def is_refused(client: EngineClient, names: list[str]) -> bool:
    return list(client.status().refused) == names


def fill(running: RunningEngine, tables: ShopTables, encoder_id: str) -> None:
    """Store every photo's embedding by one encoder and make it searchable."""
    rows = running.client.encode(PHOTOS, encoder_id=encoder_id).rows
    seq = tables.append(range(len(PHOTOS)), rows, encoder_id=encoder_id)
    assert running.client.wait_for(seq, 5.0, encoder_id=encoder_id)


@pytest.fixture
def running(beginning: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables) -> RunningEngine:
    """An engine with a filled index of one encoder, and a second one beside it."""
    want(sqlite_tables, histogram_64="live", brightness="backfilling")
    found = start_engine(beginning, open_encoder=open_test_encoder)
    until(lambda: served(found.client) == [HISTOGRAM, BRIGHTNESS])
    fill(found, sqlite_tables, HISTOGRAM)
    return found


def test_each_request_is_answered_by_the_encoder_that_it_names(
    running: RunningEngine, sqlite_tables: SqliteTables
) -> None:
    client = running.client
    assert client.encode(PHOTOS[:1]).encoder_id == HISTOGRAM
    other = client.encode(PHOTOS[:2], encoder_id=BRIGHTNESS)
    assert (other.encoder_id, other.rows.shape) == (BRIGHTNESS, (2, 3))
    assert client.search(other.rows, 5, encoder_id=BRIGHTNESS) == [[], []]
    fill(running, sqlite_tables, BRIGHTNESS)
    assert [len(hits) for hits in client.search(other.rows, 5, encoder_id=BRIGHTNESS)] == [5, 5]
    with pytest.raises(EncoderChanged):
        client.encode(PHOTOS[:1], encoder_id="never-seen")


def test_a_switch_and_the_way_back_lose_no_request_and_mix_no_answer(
    running: RunningEngine, sqlite_tables: SqliteTables
) -> None:
    fill(running, sqlite_tables, BRIGHTNESS)
    expected = {one: running.client.encode(PHOTOS, encoder_id=one).rows for one in (HISTOGRAM, BRIGHTNESS)}
    with searching(running.client, expected) as answered:
        for state in (
            {"brightness": "live", "histogram_64": "previous"},
            {"histogram_64": "live", "brightness": "previous"},
        ):
            until(lambda: len(answered) > 20)
            want(sqlite_tables, **state)
            now_live = next(name for name, is_now in state.items() if is_now == "live").replace("_", "-")
            until(partial(is_live, running.client, now_live))
            answered.clear()
            until(lambda: len(answered) > 20)
            assert set(answered[-8:]) == {now_live}


@contextmanager
def searching(client: EngineClient, expected: dict[str, np.ndarray]) -> Iterator[list[str]]:
    """Ask in four threads, without naming an encoder first, the way pages do; yields who answered."""
    over, answered = threading.Event(), list[str]()

    def ask(number: int) -> None:
        while not over.is_set():
            place = number % len(PHOTOS)
            seen = client.encode([PHOTOS[place]])
            assert np.allclose(seen.rows[0], expected[seen.encoder_id][place], atol=1e-6)
            (hits,) = client.search(seen.rows, 3, encoder_id=seen.encoder_id)
            assert len(hits) == 3
            answered.append(seen.encoder_id)
            number += 1

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, number) for number in range(4)]
        try:
            yield answered
        finally:
            over.set()
        for one in asking:
            one.result()


def test_an_encoder_that_is_not_wanted_any_longer_leaves_after_its_grace(
    running: RunningEngine, sqlite_tables: SqliteTables, beginning: EngineConfig
) -> None:
    fill(running, sqlite_tables, BRIGHTNESS)
    want(sqlite_tables, histogram_64="live")
    until(lambda: served(running.client) == [HISTOGRAM])
    with pytest.raises(EncoderChanged):
        running.client.encode(PHOTOS[:1], encoder_id=BRIGHTNESS)
    until(lambda: not (beginning.snapshots_dir / BRIGHTNESS).exists())


def test_a_switch_waits_until_the_new_index_holds_the_log(
    beginning: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    slow = threading.Event()

    def open_slowly(name: str, **where: object) -> Encoder:
        if name == BRIGHTNESS:
            slow.wait(10)
        return open_test_encoder(name, **where)  # type: ignore[arg-type]

    want(sqlite_tables, histogram_64="live")
    running = start_engine(beginning, open_encoder=open_slowly)
    want(sqlite_tables, histogram_64="previous", brightness="live")
    assert running.client.encode(PHOTOS[:1]).encoder_id == HISTOGRAM
    slow.set()
    until(lambda: running.client.status().encoder_id == BRIGHTNESS)
    assert running.client.encode(PHOTOS[:1]).encoder_id == BRIGHTNESS


def test_an_encoder_that_cannot_be_loaded_is_named_and_tried_again(
    beginning: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    beginning.models_dir.mkdir()
    (beginning.models_dir / "altered").write_text(BRIGHTNESS)
    want(sqlite_tables, histogram_64="live", brightness="backfilling")
    running = start_engine(beginning, open_encoder=open_test_encoder)
    until(lambda: running.client.status().refused)
    assert running.client.status().refused == {BRIGHTNESS: "The folder of brightness was altered."}
    assert "feira_engine_refused 1.0" in httpx.get(f"{running.url}/metrics").text
    (beginning.models_dir / "altered").unlink()
    until(lambda: served(running.client) == [HISTOGRAM, BRIGHTNESS])
    assert running.client.status().refused == {}


def test_weights_that_are_not_those_the_shop_wants_are_refused(
    beginning: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    want(sqlite_tables, histogram_64="live", brightness="backfilling")
    sqlite_tables.execute("UPDATE photos_servedencoder SET encoder_id = 'brightness@old' WHERE name = 'brightness'")
    running = start_engine(beginning, open_encoder=open_test_encoder)
    until(lambda: running.client.status().refused)
    assert "brightness@old" in running.client.status().refused[BRIGHTNESS]


def test_a_restart_serves_what_the_shop_has_chosen_from_its_snapshot(
    running: RunningEngine, sqlite_tables: SqliteTables, beginning: EngineConfig, start_engine: StartEngine
) -> None:
    fill(running, sqlite_tables, BRIGHTNESS)
    want(sqlite_tables, brightness="live", histogram_64="previous")
    until(lambda: running.client.status().encoder_id == BRIGHTNESS)
    again = start_engine(beginning, open_encoder=open_test_encoder)
    status = again.client.status()
    assert (status.encoder, status.encoder_id, status.photos) == (BRIGHTNESS, BRIGHTNESS, len(PHOTOS))
    until(lambda: served(again.client) == [BRIGHTNESS, HISTOGRAM])


def test_the_roster_is_read_from_either_database(
    tables: ShopTables, beginning: EngineConfig, start_engine: StartEngine
) -> None:
    want(tables, brightness="live")
    running = start_engine(replace(beginning, database_url=tables.url), open_encoder=open_test_encoder)
    assert running.client.status().encoder_id == BRIGHTNESS


def test_folders_are_read_again_without_dropping_a_request_and_altered_ones_refused(
    running: RunningEngine, beginning: EngineConfig
) -> None:
    loop = running.engine._lineup._following.get_loop()  # type: ignore[union-attr]
    expected = {HISTOGRAM: running.client.encode(PHOTOS).rows}
    with searching(running.client, expected) as answered:
        for altered in ("", BRIGHTNESS, HISTOGRAM, ""):
            beginning.models_dir.mkdir(exist_ok=True)
            (beginning.models_dir / "altered").write_text(altered)
            loop.call_soon_threadsafe(running.engine.reload)
            until(partial(is_refused, running.client, altered.split()))
            answered.clear()
            until(lambda: len(answered) > 8)
    assert served(running.client) == [HISTOGRAM, BRIGHTNESS]
