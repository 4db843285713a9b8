"""The demo from its command to its end, with every real process: filled, killed at, started again, stopped."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from feira.cli.running import read_running
from feira.cli.up import free_ports
from tests.cli.conftest import Call
from tests.cli.test_supervisor import members, wait_until

pytestmark = pytest.mark.system
PATIENCE_S = 180


class Demo:
    """A running `feira demo` and what it prints."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        env = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "feira.cli.main", "demo", "--data", str(data), *options],
            env={**env, "FEIRA_WEB_WORKERS": "1", "FEIRA_WORKER_CONCURRENCY": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match in a line yet to come."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=1)
            except queue.Empty:
                assert self.process.poll() is None, "".join(self.said)
                continue
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"never said {pattern!r}:\n{''.join(self.said)}")

    def pids(self) -> dict[str, int]:
        """Return the processes that run."""
        shop = read_running(self.data)
        return {name: each.pid for name, each in shop.processes.items() if each.pid} if shop else {}

    def end(self) -> None:
        """Press Ctrl-C and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)
        self._reader.join()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder."""
    return tmp_path / "data"


@pytest.fixture
def demo(data: Path) -> Iterator[Demo]:
    """A demo of twelve drawn listings, on a port of its own."""
    started = Demo(data, "--generate", "12", "--port", str(free_ports(1)[0]))
    yield started
    started.end()


def test_a_demo_survives_kills_while_it_fills_and_comes_back_with_its_data(demo: Demo, data: Path, feira: Call) -> None:
    demo.wait_for(r"Importing: 12")
    for name in ("worker", "engine", "web"):
        os.kill(demo.pids()[name], signal.SIGKILL)
        demo.wait_for(rf"{name} was ended by SIGKILL")
    address = demo.wait_for(r"Feira is open at (http://\S+)").group(1)
    demo.wait_for(r"staff: staff@example.com  password: \S+")
    wait_until(lambda: len(demo.pids()) == 4)
    wait_until(lambda: all(each.ready for each in read_running(data).processes.values()))  # type: ignore[union-attr]
    assert httpx.get(address).status_code == 200
    verified = feira("index", "verify", "--json", FEIRA_DATA_DIR=str(data))
    assert verified.code == 0, verified.err
    assert json.loads(verified.out)["photos"] >= 12
    doctor = feira("doctor", "--json", FEIRA_DATA_DIR=str(data))
    assert doctor.code == 0, doctor.out
    levels = {finding["name"]: finding["level"] for finding in json.loads(doctor.out)}
    assert levels["workers"] == levels["engine"] == levels["processes"] == "ok"
    groups = list(demo.pids().values())
    demo.end()
    assert demo.process.returncode == 0
    assert not any(members(group) for group in groups)

    again = Demo(data, "--port", str(free_ports(1)[0]))
    try:
        again.wait_for(r"Feira is open at")
        assert not any("Importing" in line for line in again.said)
    finally:
        again.end()
    held = feira("doctor", "--json", FEIRA_DATA_DIR=str(data))
    database = next(finding for finding in json.loads(held.out) if finding["name"] == "database")
    assert "12 listings" in database["text"]
