import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.errors import DimensionMismatch, EncoderChanged, EngineUnavailable, InvalidImage
from feira.core.images.decode import decode_for_encoder
from feira.core.photo_set import PhotoSet
from feira.core.testing.photos import photo_bytes
from feira.engine import wire
from feira.engine.config import EngineConfig
from tests.engine.conftest import StartEngine, until
from tests.engine.shop_tables import SqliteTables

PHOTOS = [photo_bytes((200, 20 + 5 * number, 30), pattern="noise", seed=number) for number in range(40)]
# Bytes behind the end of a JPEG change its digest and nothing else.
LARGE_PHOTO = photo_bytes((20, 200, 30), (1200, 1500), pattern="noise")
LARGE = [LARGE_PHOTO + bytes(extra) for extra in range(30)]


def expected_rows(photos: list[bytes]) -> np.ndarray:
    encoder = DescriptorEncoder()
    return encoder.encode_images([decode_for_encoder(photo, encoder.input_size) for photo in photos])


def metric(url: str, name: str) -> float:
    """Return a metric; one that is kept per encoder is summed up."""
    found = re.findall(
        rf"^{re.escape(name)}(?:\{{encoder=.*\}})? (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE
    )
    return sum(map(float, found))


def post(url: str, path: str, content: bytes, content_type: str = wire.MSGPACK) -> httpx.Response:
    return httpx.post(f"{url}{path}", content=content, headers={"content-type": content_type}, timeout=20)


def test_a_photo_is_encoded_indexed_and_found(
    config: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    running = start_engine(config)
    encoded = running.client.encode(PHOTOS[:3])
    assert encoded.encoder_id == DescriptorEncoder().encoder_id
    assert np.allclose(encoded.rows, expected_rows(PHOTOS[:3]), atol=1e-6)

    seq = sqlite_tables.append([11, 12, 13], encoded.rows, encoder_id=encoded.encoder_id)
    assert running.client.wait_for(seq, 5.0)
    found = running.client.search(encoded.rows, 2, encoder_id=encoded.encoder_id)
    assert [hits[0].photo_id for hits in found] == [11, 12, 13]
    assert found[0][0].score == pytest.approx(1.0, abs=0.01)
    ((only,),) = running.client.search(encoded.rows[0], 5, among=[13, 99])
    assert only.photo_id == 13
    ((only,),) = running.client.search(encoded.rows[0], 5, among=PhotoSet(range(13, 100_000)))
    assert only.photo_id == 13
    assert running.client.search(encoded.rows[:0], 5) == []

    status = running.client.status()
    assert (status.ready, status.photos, status.seq, status.lag) == (True, 3, 3, 0)
    assert (status.encoder, status.dim, status.fault) == ("descriptors", encoded.rows.shape[1], "")
    assert status.input_size == 128
    assert running.client.verify().equal
    (compacted,) = running.client.compact()
    (served,) = compacted.encoders
    assert served.snapshot_seq == seq
    assert served.index is not None
    assert (served.index.kind, served.index.lists, served.index.recall) == ("scalar", 0, 1.0)
    assert served.index.disk_bytes > served.index.memory_bytes > 0
    (rebuilt,) = running.client.rebuild()
    assert (rebuilt.photos, rebuilt.seq) == (compacted.photos, seq)
    assert running.client.verify().equal


def test_many_concurrent_callers_are_batched_and_each_gets_its_own_answer(
    config: EngineConfig, start_engine: StartEngine
) -> None:
    running = start_engine(replace(config, threads=1))
    expected = expected_rows(PHOTOS)
    with ThreadPoolExecutor(16) as callers:
        rows = list(callers.map(lambda photo: running.client.encode_images([photo])[0], PHOTOS))
    assert np.allclose(rows, expected, atol=1e-6)
    assert metric(running.url, "feira_engine_batch_size_sum") == len(PHOTOS)
    assert metric(running.url, "feira_engine_batch_size_count") < len(PHOTOS)


def test_more_photos_than_one_request_holds_come_back_in_order(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(config)
    assert np.allclose(running.client.encode_images(PHOTOS, bulk=True), expected_rows(PHOTOS), atol=1e-6)
    assert running.client.encode_images([]).shape == (0, DescriptorEncoder().dim)


def test_a_photo_is_encoded_once_however_often_it_is_sent(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(replace(config, cache_size=2))
    first = running.client.encode_images([PHOTOS[0], PHOTOS[1], PHOTOS[0]])
    again = running.client.encode_images([PHOTOS[1], PHOTOS[0]])
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(again, first[[1, 0]])
    assert metric(running.url, "feira_engine_encoded_total") == 2
    running.client.encode_images(PHOTOS[2:4])
    running.client.encode_images(PHOTOS[:1])
    assert metric(running.url, "feira_engine_encoded_total") == 5


def test_a_full_queue_answers_503_and_says_when_to_come_again(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(replace(config, threads=1, max_queue=2, max_batch=1))
    with ThreadPoolExecutor(1) as other:
        bulk = other.submit(running.client.encode_images, LARGE, bulk=True)
        until(lambda: running.engine.status().queued > 20)
        with pytest.raises(EngineUnavailable) as caught:
            running.client.encode_images([PHOTOS[0]])
        assert bulk.result().shape[0] == 30
    assert caught.value.facts["retry_after_s"] == 1
    assert "busy" in caught.value.message
    assert running.client.encode_images([PHOTOS[0]]).shape[0] == 1


def test_the_photos_of_a_caller_who_hung_up_are_dropped(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(replace(config, threads=1, max_batch=1))
    body = msgspec.msgpack.encode(wire.EncodeRequest(images=[*LARGE, *PHOTOS[:30]]))
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        head = (
            f"POST /encode HTTP/1.1\r\nhost: e\r\ncontent-type: {wire.MSGPACK}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        until(lambda: running.engine.status().queued > 40)
    until(lambda: running.engine.status().queued == 0)
    assert metric(running.url, "feira_engine_encoded_total") < 60
    assert metric(running.url, 'feira_engine_requests_total{path="/encode",status="499"}') == 1


def test_an_unreadable_photo_is_named_by_its_position_and_spoils_no_other_request(
    config: EngineConfig, start_engine: StartEngine
) -> None:
    running = start_engine(config)
    with pytest.raises(InvalidImage) as caught:
        running.client.encode_images([*PHOTOS[:33], b"not a photo", PHOTOS[34]])
    assert (caught.value.reason, caught.value.facts["position"]) == ("damaged", 33)
    with ThreadPoolExecutor(8) as callers:
        answers = [
            callers.submit(running.client.encode_images, [photo]) for photo in [b"no", *PHOTOS[:8], PHOTOS[9][:99]]
        ]
        outcomes = [type(answer.exception()) for answer in answers]
    assert outcomes == [InvalidImage, *[type(None)] * 8, InvalidImage]


def test_waiting_ends_when_the_entry_is_there_or_the_time_is_over(
    config: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    # A follower that looks rarely shows that waiting makes it look.
    running = start_engine(replace(config, poll_s=30.0))
    assert running.client.wait_for(0, 0.0)
    started = time.monotonic()
    assert not running.client.wait_for(1, 0.3)
    assert 0.3 <= time.monotonic() - started < 3
    rows = running.client.encode_images(PHOTOS[:1])
    seq = sqlite_tables.append([5], rows, encoder_id=running.client.status().encoder_id)
    assert running.client.wait_for(seq, 5.0)


def test_vectors_of_another_encoder_are_refused(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(config)
    dim = running.client.status().dim
    with pytest.raises(DimensionMismatch) as mismatch:
        running.client.search(np.ones((1, 7), np.float32), 3)
    assert mismatch.value.facts == {"expected": dim, "got": 7}
    with pytest.raises(EncoderChanged, match="were made by other@1") as changed:
        running.client.search(np.ones((1, dim), np.float32), 3, encoder_id="other@1")
    assert changed.value.facts["encoder_id"] == "descriptors-v1"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/encode", b"\xc1", 400),
        ("/encode", b"", 400),
        ("/encode", msgspec.msgpack.encode({"images": "photo"}), 422),
        ("/encode", msgspec.msgpack.encode({"images": [b"x"] * 65}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": bytes(13), "dim": 3, "k": 1}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": bytes(12), "dim": 0, "k": 1}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": bytes(12), "dim": 3, "k": 10**9}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": bytes(12), "dim": 3, "k": 1, "among": b"odd"}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": bytes(12_000), "dim": 1, "k": 9999}), 422),
        ("/search", msgspec.msgpack.encode({"vectors": b"\x00\x00\xc0\x7f", "dim": 1, "k": 1}), 422),
        ("/wait", msgspec.msgpack.encode({"seq": -1}), 422),
        ("/wait", msgspec.msgpack.encode({"seq": 1, "timeout_s": 1e9}), 422),
        ("/nowhere", b"", 404),
        ("/status", b"", 405),
        ("/encode", bytes(300_000), 413),
    ],
)
def test_a_bad_request_gets_a_problem_document(
    config: EngineConfig, start_engine: StartEngine, path: str, body: bytes, status: int
) -> None:
    running = start_engine(replace(config, max_body_bytes=200_000))
    response = post(running.url, path, body)
    assert response.status_code == status
    assert response.headers["content-type"] == wire.PROBLEM
    problem = response.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in response.text


def test_a_body_of_a_type_that_browsers_send_freely_is_refused(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(config)
    assert post(running.url, "/verify", b"", "text/plain").status_code == 415
    assert post(running.url, "/verify", b"").status_code == 200


def test_lives_at_once_and_is_ready_only_when_it_has_caught_up(
    config: EngineConfig, start_engine: StartEngine, tmp_path: Path
) -> None:
    later = SqliteTables(tmp_path / "later.sqlite3")
    running = start_engine(replace(config, database_url=later.url), wait=False)
    assert httpx.get(f"{running.url}/healthz").status_code == 200
    until(lambda: running.client.status().fault)
    response = httpx.get(f"{running.url}/readyz")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "No such file" in response.json()["detail"]
    assert not running.client.status().ready
    # Which encoder is to answer, the database says.
    with pytest.raises(EngineUnavailable, match="loading its encoder"):
        running.client.search(np.ones((1, 3), np.float32), 1)

    later.create()
    until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200)
    later.path.rename(tmp_path / "away.sqlite3")
    until(lambda: running.client.status().fault)
    assert httpx.get(f"{running.url}/readyz").status_code == 200
    assert metric(running.url, "feira_engine_log_failing") == 1


def test_metrics_tell_what_the_engine_did(
    config: EngineConfig, start_engine: StartEngine, sqlite_tables: SqliteTables
) -> None:
    running = start_engine(config)
    encoded = running.client.encode(PHOTOS[:2])
    running.client.wait_for(sqlite_tables.append([1, 2], encoded.rows, encoder_id=encoded.encoder_id), 5.0)
    post(running.url, "/encode", b"\xc1")
    for name, expected in {
        'feira_engine_requests_total{path="/encode",status="200"}': 1,
        'feira_engine_requests_total{path="/encode",status="400"}': 1,
        "feira_engine_index_photos": 2,
        "feira_engine_log_seq": 2,
        "feira_engine_log_lag": 0,
        "feira_engine_queue_depth": 0,
        "feira_engine_ready": 1,
        "feira_engine_encoded_total": 2,
    }.items():
        assert metric(running.url, name) == expected, name
    assert metric(running.url, "feira_engine_encode_seconds_sum") > 0


def test_a_start_that_fails_is_reported(config: EngineConfig, tmp_path: Path, start_engine: StartEngine) -> None:
    folder = tmp_path / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    with pytest.raises(AssertionError, match="ManifestError"):
        start_engine(replace(config, encoder="broken"))
