import os
import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from feira.core.errors import EncoderChanged, EngineUnavailable
from feira.core.testing.photos import photo_bytes
from feira.engine.client import EngineClient
from feira.engine.config import EngineConfig
from tests.engine.conftest import StartEngine
from tests.engine.encoders import open_test_encoder
from tests.engine.shop_tables import SqliteTables


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """Listen and give everyone the same answer, or none at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                if answer is None:
                    over.wait(10)
                else:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join(5)
        assert not thread.is_alive()


def response(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


@pytest.fixture
def client_of() -> Iterator[list[EngineClient]]:
    clients: list[EngineClient] = []
    yield clients
    for client in clients:
        client.close()


def test_an_engine_that_is_not_there_is_unavailable(client_of: list[EngineClient]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client_of.append(EngineClient(f"http://127.0.0.1:{port}/", timeout_s=2))
    calls: list[Callable[[], object]] = [
        client_of[0].status,
        client_of[0].verify,
        lambda: client_of[0].encode([b"photo"]),
        lambda: client_of[0].search(np.ones((1, 3), np.float32), 1),
        lambda: client_of[0].wait_for(1, 0.1),
    ]
    for call in calls:
        with pytest.raises(EngineUnavailable) as caught:
            call()
        assert "Start it with `feira engine`" in caught.value.message
        assert caught.value.facts["url"] == f"http://127.0.0.1:{port}"


def test_an_engine_that_is_silent_is_unavailable_after_the_time_limit(client_of: list[EngineClient]) -> None:
    with answering(None) as url:
        client_of.append(EngineClient(url, timeout_s=0.2))
        with pytest.raises(EngineUnavailable, match=r"did not answer /status within 0.2 s"):
            client_of[0].status()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response("500 Oops", b"<html>"), "HTTP 500"),
        (response("200 OK", b"<html>"), "not an engine of this version"),
        (response("200 OK", b'{"ready": true}'), "not an engine of this version"),
        (b"", "cannot be reached"),
        (b"SSH-2.0\r\n", "cannot be reached"),
    ],
)
def test_an_answer_that_is_no_engines_is_unavailable(client_of: list[EngineClient], answer: bytes, said: str) -> None:
    with answering(answer) as url:
        client_of.append(EngineClient(url, timeout_s=5))
        with pytest.raises(EngineUnavailable, match=said):
            client_of[0].status()


def test_an_engine_that_was_restarted_is_found_again(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(config)
    assert running.client.status().ready
    running.client.close()
    assert running.client.status().ready


def test_a_forked_process_uses_connections_of_its_own(config: EngineConfig, start_engine: StartEngine) -> None:
    running = start_engine(config)
    photos = [photo_bytes((10, 250 - 40 * number, 90)) for number in range(4)]
    expected = running.client.encode_images(photos)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # newer Pythons warn of fork beside threads: that is the point
        child = os.fork()
    if child == 0:
        try:
            equal = all(np.array_equal(running.client.encode_images(photos), expected) for _ in range(20))
            os.write(writer, b"equal" if equal else b"other")
        finally:
            os._exit(0)
    os.close(writer)
    for _ in range(20):
        assert np.array_equal(running.client.encode_images(photos), expected)
    assert os.read(reader, 10) == b"equal"
    os.close(reader)
    os.waitpid(child, 0)
    assert len(running.client._by_pid) == 1


def test_several_engines_take_turns_and_one_that_is_gone_is_passed_over(
    config: EngineConfig, start_engine: StartEngine, client_of: list[EngineClient], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = f"http://127.0.0.1:{server.getsockname()[1]}"
    engines = [start_engine(replace(config, snapshots_dir=tmp_path / str(n))) for n in range(2)]
    client = EngineClient(", ".join([engines[0].url, gone, f"{engines[1].url}/"]), timeout_s=5)
    client_of.append(client)
    photos = [photo_bytes((200, 20, 20 * n)) for n in range(9)]
    for photo in photos:
        assert client.encode_images([photo]).shape[0] == 1
    counts = [encoded_by(running.url) for running in engines]
    assert sum(counts) == len(photos)
    assert min(counts) >= 3
    with pytest.raises(EngineUnavailable):
        client.statuses()


def test_an_engine_that_lacks_the_encoder_is_passed_over(
    config: EngineConfig, start_engine: StartEngine, client_of: list[EngineClient], tmp_path: Path
) -> None:
    one, other = (
        start_engine(replace(config, encoder=name, snapshots_dir=tmp_path / name), open_encoder=open_test_encoder)
        for name in ("brightness", "histogram-64")
    )
    client_of.append(EngineClient(f"{one.url},{other.url}", timeout_s=5))
    for _turn in range(4):
        assert client_of[0].encode([photo_bytes()], encoder_id="histogram-64").encoder_id == "histogram-64"
        with pytest.raises(EncoderChanged):
            client_of[0].encode([photo_bytes()], encoder_id="never-seen")


def test_what_was_written_is_waited_for_in_every_engine(
    config: EngineConfig,
    start_engine: StartEngine,
    client_of: list[EngineClient],
    tmp_path: Path,
    sqlite_tables: SqliteTables,
) -> None:
    engines = [start_engine(replace(config, snapshots_dir=tmp_path / str(n), poll_s=30.0)) for n in range(2)]
    client_of.append(EngineClient(",".join(running.url for running in engines), timeout_s=5))
    encoded = client_of[0].encode([photo_bytes()])
    seq = sqlite_tables.append([7], encoded.rows, encoder_id=encoded.encoder_id)
    assert client_of[0].wait_for(seq, 5.0)
    assert [running.client.status().photos for running in engines] == [1, 1]
    assert not client_of[0].wait_for(seq + 1, 0.05)


def encoded_by(url: str) -> int:
    page = httpx.get(f"{url}/metrics").text
    return round(sum(map(float, re.findall(r"^feira_engine_encoded_total\S* (\S+)$", page, re.MULTILINE))))
