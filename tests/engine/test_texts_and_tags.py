"""Words through the engine: as queries for pictures, and as vectors of their own."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import msgspec
import numpy as np
import pytest

from feira.core.encoders.heads import HEADS_NAME, Head, Heads
from feira.core.encoders.words.encoder import builtin_words
from feira.core.errors import DimensionMismatch, EncoderChanged, NoTextSide
from feira.core.learning.bridge import fit_bridge, pack_prior
from feira.core.learning.priors import PRIOR_NAME
from feira.core.learning.ridge import PairSums
from feira.core.testing.photos import photo_bytes
from feira.engine import wire
from feira.engine.config import EngineConfig
from feira.engine.parts import LearnedParts, open_parts
from tests.engine.conftest import RunningEngine, StartEngine, until
from tests.engine.encoders import NamedColours, open_test_encoder
from tests.engine.shop_tables import SqliteTables
from tests.engine.test_text_side import PARTS

LOOK_S = 1.0


@pytest.fixture
def dual(config: EngineConfig, start_engine: StartEngine) -> RunningEngine:
    """An engine whose encoder knows words itself."""
    return start_engine(replace(config, encoder="named-colours"), open_encoder=open_test_encoder)


def test_words_find_the_photos_that_show_them(dual: RunningEngine, sqlite_tables: SqliteTables) -> None:
    photos = dual.client.encode([photo_bytes(colour) for colour in ((250, 10, 10), (10, 250, 10), (10, 10, 250))])
    seq = sqlite_tables.append([1, 2, 3], photos.rows, encoder_id=photos.encoder_id)
    assert dual.client.wait_for(seq, 5.0)
    asked = dual.client.encode_texts(["a green thing", "blue"])
    assert asked.encoder_id == "named-colours"
    found = dual.client.search(asked.rows, 1, encoder_id=asked.encoder_id)
    assert [hits[0].photo_id for hits in found] == [2, 3]


def test_many_texts_come_back_in_order_and_none_gives_no_rows(dual: RunningEngine) -> None:
    texts = [f"{['red', 'green', 'blue'][number % 3]} {number}" for number in range(300)]
    assert np.array_equal(dual.client.encode_texts(texts).rows, NamedColours().encode_texts(texts))
    assert dual.client.encode_texts([]).rows.shape == (0, 64)


def test_a_text_is_encoded_once(dual: RunningEngine) -> None:
    for _time in range(3):
        dual.client.encode_texts(["red", "blue"])
    page = httpx.get(f"{dual.url}/metrics").text
    assert 'feira_engine_encoded_total{encoder="named-colours",of="queries"} 2.0' in page
    assert 'feira_engine_remembered_total{encoder="named-colours",of="queries"} 4.0' in page


@pytest.mark.parametrize("text", ["", "red\ud800", "x" * 50_000, "\x00"])
def test_odd_texts_are_taken(dual: RunningEngine, text: str) -> None:
    assert dual.client.encode_texts([text]).rows.shape == (1, 64)


def test_texts_beyond_the_limits_are_refused_by_the_engine_itself(dual: RunningEngine) -> None:
    for texts in (["x" * 2_001], ["x"] * 257):
        body = msgspec.msgpack.encode(wire.TextsRequest(texts=texts))
        answer = httpx.post(f"{dual.url}/encode-texts", content=body, headers={"content-type": wire.MSGPACK})
        assert answer.status_code == 422


def test_an_encoder_is_answered_for_by_name_only_when_it_is_served(dual: RunningEngine) -> None:
    assert dual.client.encode_texts(["red"], encoder_id="named-colours").encoder_id == "named-colours"
    for ask in (dual.client.encode_texts, dual.client.encode):
        with pytest.raises(EncoderChanged) as caught:
            ask([], encoder_id="another@1")
        assert caught.value.facts["encoder_id"] == "named-colours"


def test_an_encoder_without_words_says_so(config: EngineConfig, start_engine: StartEngine) -> None:
    plain = start_engine(replace(config, encoder="histogram-64"), open_encoder=open_test_encoder)
    with pytest.raises(NoTextSide):
        plain.client.encode_texts(["red"])
    body = msgspec.msgpack.encode(wire.TextsRequest(texts=["red"]))
    answer = httpx.post(f"{plain.url}/encode-texts", content=body, headers={"content-type": wire.MSGPACK})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_text_side")


def test_an_encoder_without_classifiers_gives_no_tags(dual: RunningEngine) -> None:
    rows = dual.client.encode_texts(["red", "blue"]).rows
    assert dual.client.tags(rows) == [[], []]
    with pytest.raises(DimensionMismatch):
        dual.client.tags(rows[:, :5])


def test_classifiers_that_lie_beside_the_encoder_name_what_they_see(
    config: EngineConfig, start_engine: StartEngine
) -> None:
    folder = config.models_dir / "brightness"
    folder.mkdir(parents=True)
    light = Head(("dark", "light"), np.array([[-9, 9, 0], [9, -9, 0]], np.float32), np.zeros(2, np.float32))
    (folder / HEADS_NAME).write_bytes(Heads("brightness", {"light": light}).pack())
    running = start_engine(replace(config, encoder="brightness"), open_encoder=open_test_encoder)
    rows = running.client.encode([photo_bytes((250, 250, 250)), photo_bytes((5, 5, 5))]).rows
    assert [[(tag.head, tag.name) for tag in tags] for tags in running.client.tags(rows)] == [
        [("light", "light")],
        [("light", "dark")],
    ]
    assert running.client.tags(rows)[0][0].confidence > 0.9


@pytest.mark.parametrize("encoder_id", ["another", "brightness"])
def test_classifiers_of_another_encoder_are_not_used(
    config: EngineConfig, start_engine: StartEngine, encoder_id: str
) -> None:
    folder = config.models_dir / "brightness"
    folder.mkdir(parents=True)
    packed = Heads(encoder_id, {"light": Head(("x", "y"), np.ones((2, 7), np.float32), np.ones(2, np.float32))}).pack()
    (folder / HEADS_NAME).write_bytes(packed)
    running = start_engine(replace(config, encoder="brightness"), open_encoder=open_test_encoder)
    assert running.client.tags(np.ones((1, 3), np.float32)) == [[]]


def test_what_nobody_waits_for_any_longer_is_not_begun(config: EngineConfig, start_engine: StartEngine) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(NamedColours):
        def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
            if "blue" in texts:
                begun.set()
                assert go_on.wait(10)
            return super().encode_texts(texts)

    running = start_engine(replace(config, encoder="slow", threads=1), open_encoder=lambda _name, **_where: Slow())
    head = {"content-type": wire.MSGPACK, wire.TIMEOUT_HEADER: "50"}
    body = msgspec.msgpack.encode(wire.TextsRequest(texts=["red"]))
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(running.client.encode_texts, ["blue"])
        assert begun.wait(5)
        late = callers.submit(httpx.post, f"{running.url}/encode-texts", content=body, headers=head, timeout=10)
        until(lambda: running.engine.status().queued == 2)
        time.sleep(0.06)
        go_on.set()
        answer = late.result()
        assert first.result().rows.shape == (1, 64)
    assert (answer.status_code, answer.json()["code"]) == (504, "too_late")
    page = httpx.get(f"{running.url}/metrics").text
    assert 'feira_engine_encoded_total{encoder="named-colours",of="queries"} 1.0' in page


def test_a_slow_database_holds_up_nobody_who_asks(
    config: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_tables.execute(PARTS)
    looks: list[float] = []

    def open_slow_parts(url: str) -> LearnedParts:
        parts = open_parts(url)
        read = parts.version

        def version(part: str, about: str) -> int | None:
            looks.append(time.monotonic())
            time.sleep(LOOK_S)
            return read(part, about)

        monkeypatch.setattr(parts, "version", version)
        return parts

    monkeypatch.setattr("feira.engine.served.open_parts", open_slow_parts)
    folder = config.models_dir / "brightness"
    folder.mkdir(parents=True)
    (folder / PRIOR_NAME).write_bytes(pack_prior(taught(0), encoder_id="brightness", text_id=builtin_words().text_id))
    running = start_engine(replace(config, encoder="brightness"), open_encoder=open_test_encoder)
    assert running.client.encode_texts(["dark"]).rows[0].argmax() == 0

    until(lambda: len(looks) > 1)
    took: list[float] = []
    seen = len(looks)
    while len(looks) < seen + 2:
        started = time.monotonic()
        running.client.encode_texts(["dark", f"word {len(took)}"])
        took.append(time.monotonic() - started)
    assert max(took) < LOOK_S / 2

    bridge = fit_bridge(taught(1), encoder_id="brightness", text_id=builtin_words().text_id)
    sqlite_tables.execute(
        "INSERT INTO learning_learnedpart (part, about, version, content, state) VALUES (?, ?, ?, ?, ?)",
        ("bridge", "brightness", 1, bridge.pack(), "live"),
    )
    until(lambda: running.client.encode_texts(["dark"]).rows[0].argmax() == 1)


def taught(shift: int) -> PairSums:
    """What is learned from photos of three things, each along an axis of its own, moved on by `shift`."""
    sums = PairSums.empty(3, builtin_words().text_dim)
    rows = np.roll(np.eye(3, dtype=np.float32), shift, axis=1)
    sums.add(np.tile(rows, (5, 1)), builtin_words().embed_texts(["dark", "light", "grey"] * 5))
    return sums
