"""The supervisor with real processes: it restarts what is killed and leaves nothing behind, however it ends itself."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feira.cli.running import RunningShop, only_one, read_running
from feira.cli.up import free_ports
from feira.core.errors import Refused

ROOT = Path(__file__).resolve().parents[2]
SUPERVISE = Path(__file__).with_name("supervise.py")
PATIENCE_S = 30


class Supervised:
    """A supervisor in a process of its own, and the lines it prints."""

    def __init__(self, data_dir: Path, *children: str, grace_s: float = 10.0) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), str(data_dir), str(grace_s), *children],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def wait_for_line(self, text: str) -> list[str]:
        """Return the lines up to one with this text."""
        seen: list[str] = []
        deadline = time.monotonic() + PATIENCE_S
        while not seen or text not in seen[-1]:
            try:
                seen.append(self._lines.get(timeout=max(deadline - time.monotonic(), 0.01)))
            except queue.Empty:
                raise AssertionError(f"never said {text!r}, only {seen}") from None
        return seen

    def running(self) -> RunningShop:
        """Return the state file."""
        shop = read_running(self.data_dir)
        assert shop is not None
        return shop

    def pids(self) -> dict[str, int]:
        """Return the children that run."""
        return {name: child.pid for name, child in self.running().processes.items() if child.pid}

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


Start = Callable[..., Supervised]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a supervisor of children given as NAME and manners."""
    started: list[Supervised] = []

    def make(*children: str, grace_s: float = 10.0) -> Supervised:
        ports = free_ports(len(children))
        pairs = [child.partition(",") for child in children]
        named = [f"{name}={port},{manners}" for (name, _, manners), port in zip(pairs, ports, strict=True)]
        started.append(Supervised(tmp_path / "data", *named, grace_s=grace_s))
        return started[-1]

    yield make
    for supervised in started:
        if supervised.process.poll() is None:
            supervised.process.terminate()
        supervised.process.wait(PATIENCE_S)
        assert supervised.process.stdout is not None
        supervised.process.stdout.close()


def members(group: int) -> list[str]:
    """Return the living processes of a group as `ps` lists them; those that only wait to be reaped do not count."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,pid="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [pid for pgid, state, pid in rows if pgid == str(group) and not state.startswith("Z")]


def wait_until(fact: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def test_ready_is_said_once_when_every_child_answers(start: Start) -> None:
    shop = start("quick", "late,slow")
    lines = shop.wait_for_line("all ready")
    assert any(line.startswith("quick: serving") for line in lines)
    assert any(line.startswith("late: serving") for line in lines)
    assert {name: child.ready for name, child in shop.running().processes.items()} == {"quick": True, "late": True}


def test_a_killed_child_is_started_again_and_the_others_stay(start: Start) -> None:
    shop = start("web", "engine")
    shop.wait_for_line("all ready")
    before = shop.pids()
    os.kill(before["engine"], signal.SIGKILL)
    shop.wait_for_line("engine is back")
    after = shop.pids()
    assert after["web"] == before["web"]
    assert after["engine"] != before["engine"]
    wait_until(lambda: shop.running().processes["engine"].ready)
    assert shop.running().processes["engine"].restarts == 1


def test_what_a_killed_child_had_started_ends_with_it(start: Start) -> None:
    shop = start("worker,parent")
    shop.wait_for_line("all ready")
    group = shop.pids()["worker"]
    wait_until(lambda: len(members(group)) == 2)
    os.kill(group, signal.SIGKILL)
    shop.wait_for_line("worker is back")
    assert members(group) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_every_process(start: Start, number: signal.Signals) -> None:
    shop = start("web", "worker,parent")
    shop.wait_for_line("all ready")
    groups = list(shop.pids().values())
    assert shop.end(number) == 0
    assert [members(group) for group in groups] == [[], []]
    assert read_running(shop.data_dir) is None


def test_a_child_that_does_not_listen_is_killed_when_its_time_is_over(start: Start) -> None:
    shop = start("web,stubborn", grace_s=0.5)
    shop.wait_for_line("all ready")
    group = shop.pids()["web"]
    began = time.monotonic()
    assert shop.end(signal.SIGTERM) == 0
    assert time.monotonic() - began >= 0.5
    assert members(group) == []


def test_a_second_signal_ends_the_wait(start: Start) -> None:
    shop = start("web,stubborn", grace_s=300)
    shop.wait_for_line("all ready")
    group = shop.pids()["web"]
    shop.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert shop.end(signal.SIGINT) == 0
    assert members(group) == []


def test_nothing_is_left_when_the_supervisor_itself_is_killed(start: Start) -> None:
    shop = start("web", "worker,parent", "engine,stubborn", grace_s=1.0)
    shop.wait_for_line("all ready")
    groups = list(shop.pids().values())
    assert all(members(group) for group in groups)
    shop.end(signal.SIGKILL)
    wait_until(lambda: not any(members(group) for group in groups))


def test_a_data_folder_belongs_to_one_supervisor_until_its_last_process_is_gone(start: Start) -> None:
    shop = start("web,stubborn", grace_s=2.0)
    shop.wait_for_line("all ready")
    with pytest.raises(Refused, match="already, at here"), only_one(shop.data_dir):
        pass
    group = shop.pids()["web"]
    shop.end(signal.SIGKILL)
    assert members(group), "the watchdog gives the child its time"
    with pytest.raises(Refused, match="starting or stopping"), only_one(shop.data_dir):
        pass
    wait_until(lambda: not members(group))

    def is_free() -> bool:
        try:
            with only_one(shop.data_dir):
                return True
        except Refused:
            return False

    wait_until(is_free)


def test_a_child_that_never_comes_up_ends_the_start_with_a_sentence(start: Start) -> None:
    shop = start("web", "engine,failing")
    lines = shop.wait_for_line("feira: engine")
    assert "ended with exit code 1 4 times in a row" in lines[-1]
    assert "engine: there is nothing to serve" in lines
    assert shop.process.wait(PATIENCE_S) == 1
    assert read_running(shop.data_dir) is None


def test_a_state_file_of_a_dead_supervisor_counts_for_nothing(start: Start) -> None:
    shop = start("web")
    shop.wait_for_line("all ready")
    group = shop.pids()["web"]
    shop.end(signal.SIGKILL)
    assert (shop.data_dir / "up.json").exists()
    assert read_running(shop.data_dir) is None
    wait_until(lambda: not members(group))
