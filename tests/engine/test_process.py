"""The engine as a process of its own: signals, crashes, and a start that cannot succeed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.errors import EngineUnavailable
from feira.core.index.snapshot import read_manifest
from feira.core.testing.photos import photo_bytes
from feira.engine.client import EngineClient
from tests.core.encoders.tiny_models import image_folder
from tests.engine.conftest import until
from tests.engine.shop_tables import SqliteTables, unit_rows

ENCODER = DescriptorEncoder()
ROWS = unit_rows(600, ENCODER.dim)
PROGRAM = """
import sys
from pathlib import Path
from feira.core.errors import FeiraError
from feira.engine.config import EngineConfig
from feira.engine.server import serve
encoder, database_url, folder, port = sys.argv[1:]
config = EngineConfig(
    encoder=encoder, models_dir=Path(folder) / "models", database_url=database_url,
    snapshots_dir=Path(folder) / "index", poll_s=0.02, snapshot_every_changes=50,
)
try:
    serve(config, host="127.0.0.1", port=int(port))
except FeiraError as error:
    sys.exit(f"{error.code}: {error}")
"""

Start = Callable[..., subprocess.Popen[str]]
pytestmark = pytest.mark.system


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def client(port: int) -> Iterator[EngineClient]:
    with closing(EngineClient(f"http://127.0.0.1:{port}", timeout_s=10)) as client:
        yield client


@pytest.fixture
def start(sqlite_tables: SqliteTables, tmp_path: Path, port: int) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start_process(encoder: str = "descriptors") -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", PROGRAM, encoder, sqlite_tables.url, str(tmp_path), str(port)]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        with process:
            pass  # waits and closes the pipe


def refuses(client: EngineClient, expected: bool) -> bool:
    return bool(client.status().refused) == expected


def is_ready(client: EngineClient) -> bool:
    try:
        return client.status().ready
    except EngineUnavailable:
        return False


def test_sigterm_answers_what_is_under_way_writes_a_snapshot_and_exits_cleanly(
    start: Start, client: EngineClient, sqlite_tables: SqliteTables, tmp_path: Path
) -> None:
    process = start()
    until(lambda: is_ready(client), timeout_s=20)
    seq = sqlite_tables.append([1, 2, 3], ROWS[:3], encoder_id=ENCODER.encoder_id)
    assert client.wait_for(seq, 5.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert process.communicate()[1] == ""
    manifest = read_manifest(tmp_path / "index" / ENCODER.encoder_id)
    assert manifest is not None
    assert (manifest.seq, manifest.count) == (3, 3)


def test_sighup_opens_folders_again_and_one_that_was_altered_is_refused(
    start: Start, client: EngineClient, tmp_path: Path
) -> None:
    weights = image_folder(tmp_path / "models" / "tiny") / "model.onnx"
    process = start("tiny")
    until(lambda: is_ready(client), timeout_s=20)
    before = client.encode_images([photo_bytes()])
    for altered in (True, False):
        content = weights.read_bytes()
        weights.write_bytes(content + b"x" if altered else content[:-1])
        process.send_signal(signal.SIGHUP)
        until(partial(refuses, client, altered), timeout_s=20)
        assert np.array_equal(client.encode_images([photo_bytes((9, 9, 9)), photo_bytes()])[1:], before)
    assert process.poll() is None


def test_killed_at_any_moment_it_comes_back_equal_to_a_rebuild(
    start: Start, client: EngineClient, sqlite_tables: SqliteTables
) -> None:
    moments = np.random.default_rng(7)
    written = 0
    for _ in range(3):
        process = start()
        until(lambda: is_ready(client), timeout_s=20)
        for _ in range(int(moments.integers(3, 8))):
            photo_ids = range(written, written + 20)
            sqlite_tables.append(photo_ids, ROWS[written : written + 20], encoder_id=ENCODER.encoder_id)
            sqlite_tables.withdraw([written + 3])
            written += 20
            time.sleep(float(moments.uniform(0, 0.03)))
        process.kill()
        process.communicate()
    start()
    until(lambda: is_ready(client), timeout_s=20)
    status, verdict = client.status(), client.verify()
    assert status.snapshot_seq > 0
    assert (status.seq, status.photos) == (written * 21 // 20, written * 19 // 20)
    assert (verdict.equal, verdict.differences) == (True, 0)


def test_an_engine_without_its_encoder_ends_with_a_sentence(start: Start) -> None:
    process = start("missing")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("misconfigured: There is no encoder named 'missing'")
    assert "Traceback" not in said


def test_a_taken_port_ends_the_process(start: Start, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        process = start()
        process.communicate(timeout=20)
    assert process.returncode != 0
