"""A whole shop for the system tests: `feira up` on a folder of its own, commands beside it, looks into its tables."""

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.environment import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
FEIRA = (sys.executable, "-m", "feira.cli.main")
START_S = 90.0
STOP_S = 40.0
COMMAND_S = 200.0

Row = tuple[Any, ...]


class LivingShop:
    """One data folder; `up` opens the shop on it, again and again if need be."""

    def __init__(self, data: Path, *, services: Mapping[str, str] | None = None) -> None:
        self.data = data.resolve()
        self.port = free_port()
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FEIRA_", "DJANGO_"))}
        self.environment = ours | {"FEIRA_DATA_DIR": str(self.data)} | dict(services or {})
        self.lines: list[str] = []
        self._up: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the shop answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def supervisor(self) -> "subprocess.Popen[str]":
        """The process of `feira up`."""
        assert self._up is not None
        return self._up

    def up(self) -> float:
        """Open the shop; return the seconds until every process was ready."""
        started = time.monotonic()
        self.close()
        self._up = subprocess.Popen(
            [*FEIRA, "up", "--port", str(self.port), "--data", str(self.data)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        opened = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._up, opened), daemon=True)
        self._reader.start()
        while not opened.wait(0.1):
            assert self._up.poll() is None, self.told()
            assert time.monotonic() - started < START_S, self.told()
        return time.monotonic() - started

    def ensure_up(self) -> None:
        """Open the shop unless it is open."""
        if self._up is None or self._up.poll() is not None:
            self.up()

    def down(self) -> int:
        """Stop every process in the usual way; return the exit code."""
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(STOP_S)

    def close(self) -> None:
        """End whatever still runs."""
        if self._up is not None:
            if self._up.poll() is None:
                self._up.terminate()
                try:
                    self._up.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    self._up.kill()
                    self._up.wait()
            assert self._reader is not None
            self._reader.join(STOP_S)
            assert self._up.stdout is not None
            self._up.stdout.close()
            self._up = None

    def told(self) -> str:
        """Return the last lines of all processes."""
        return "\n".join(self.lines[-60:])

    def commands_told(self) -> str:
        """Return what the commands started beside the shop have said."""
        return (self.data / "commands.log").read_text()

    def is_free(self) -> bool:
        """Tell whether nobody holds the data folder: the last process of the last `feira up` has let go of it."""
        with (self.data / "up.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        return True

    def processes(self) -> dict[str, Any]:
        """Return what the supervisor says of its processes: pid, ready, restarts."""
        found: dict[str, Any] = json.loads((self.data / "up.json").read_text())["processes"]
        return found

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of the shop, its output written to a file beside the data."""
        with (self.data / "commands.log").open("a") as log:
            return subprocess.Popen(
                [*FEIRA, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def feira(self, *arguments: str, expect: int = 0) -> str:
        """Run a command of the shop and return what it printed."""
        process = subprocess.Popen(
            [*FEIRA, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            printed, told = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, told = process.communicate()
            told += f"\nnot done after {COMMAND_S:.0f} s; unfinished: {self.unfinished()}"
        assert process.returncode == expect, f"{printed}\n{told}\n{self.told()}"
        return printed

    def unfinished(self) -> list[Row]:
        """Return the jobs that still wait or run."""
        what = "kind, state, attempts, publish_count, published_at, lease_owner, error"
        return self.rows(f"SELECT {what} FROM jobs_job WHERE state IN ('waiting', 'queued', 'running')")  # noqa: S608

    def python(self, program: str) -> str:
        """Run a few lines with Django set up, and return what they printed."""
        lines = f"import django; django.setup()\n{program}"
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "feira.shop.config.settings"}
        done = subprocess.run(
            [sys.executable, "-c", lines], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str) -> list[Row]:
        """Ask the shop's database."""
        url = self.environment.get("FEIRA_DATABASE_URL", "")
        if url:
            with psycopg.connect(url) as served:
                return served.execute(query.encode()).fetchall()
        file = sqlite3.connect(f"file:{self.data / 'feira.sqlite3'}?mode=ro", uri=True, timeout=20)
        try:
            return file.execute(query).fetchall()
        finally:
            file.close()

    def count(self, table: str, where: str = "1 = 1") -> int:
        """Return how many rows of a table are so."""
        return int(self.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])  # noqa: S608 - written by tests

    def _read(self, up: "subprocess.Popen[str]", opened: threading.Event) -> None:
        assert up.stdout is not None
        for line in up.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("Feira is open at"):
                opened.set()


@contextmanager
def living_shop(data: Path, *, services: Mapping[str, str] | None = None) -> Iterator[LivingShop]:
    """Yield a shop whose processes end with the block; nothing runs yet."""
    data.mkdir(parents=True, exist_ok=True)
    shop = LivingShop(data, services=services)
    try:
        yield shop
    finally:
        shop.close()


def wait_until(is_so: Callable[[], bool], what: str, *, shop: LivingShop, patience_s: float = 60.0) -> float:
    """Return the seconds it took until something was so."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < patience_s, f"waited {patience_s:.0f} s in vain until {what}\n{shop.told()}"
        time.sleep(0.03)
    return time.monotonic() - started


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started itself."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listed.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be reaped does not."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(listed.strip()) and not listed.startswith("Z")
