"""A shop's processes for the system tests: a driver in place of the web, workers and a beat, over one broker."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.shop.jobs.brokers import free_port
from tests.shop.jobs.chaos.tasks import TABLES

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE_S = 30.0
DRIVER = "from tests.shop.jobs.chaos.driver import obey; obey()"
WORKER = (
    "import sys; from feira.shop.jobs import limits, worker; worker.STOP_GRACE_S = 0.3;"
    "limits.GRACE_S = 0.5;"
    "sys.exit(worker.run_worker(concurrency=2, health_port=int(sys.argv[1])))"
)
BEAT = "import sys; from feira.shop.jobs.beat import run_beat; run_beat(int(sys.argv[1]))"
MIGRATE = "from django.core.management import call_command; call_command('migrate', verbosity=0)"


class Service:
    """A process with a health port and a process group of its own."""

    def __init__(self, program: str, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            _python(program, str(self.port)), env=environment, cwd=REPOSITORY, start_new_session=True
        )

    def wait_until_ready(self) -> None:
        """Return when /readyz says so."""
        wait_until(self.is_ready, "the process gets ready")

    def is_ready(self) -> bool:
        """Whether /readyz answers 200; fails when the process is gone."""
        assert self.process.poll() is None, f"the process ended with {self.process.returncode}"
        try:
            return bool(self.get("/readyz")[0] == 200)
        except httpx.TransportError:
            return False

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of an answer."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
        return answer.status_code, answer.text

    def kill(self) -> None:
        """Kill the process and its children, with no chance to say good-bye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask the process to stop, and return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


class Shop:
    """One database and one broker, and the processes on them."""

    def __init__(self, folder: Path, broker_url: str, *, database: Path) -> None:
        self.database = folder / "feira.sqlite3"
        shutil.copy(database, self.database)
        self.environment = environment(folder) | {"FEIRA_BROKER_URL": broker_url}
        self._worker: Service | None = None
        self._beat: Service | None = None
        self._driver = subprocess.Popen(
            _python(DRIVER),
            env=self.environment,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def worker(self) -> Service:
        """Return a worker that is ready, starting one when there is none."""
        if self._worker is None or self._worker.process.poll() is not None:
            self._worker = Service(WORKER, self.environment)
        self._worker.wait_until_ready()
        return self._worker

    def beat(self) -> Service:
        """Return a beat that is ready, starting one when there is none."""
        if self._beat is None or self._beat.process.poll() is not None:
            self._beat = Service(BEAT, self.environment)
        self._beat.wait_until_ready()
        return self._beat

    def order(self, order: str, **facts: Any) -> Any:
        """Let the driver do something, and return its answer."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        print(json.dumps({"order": order, **facts}), file=self._driver.stdin, flush=True)
        return json.loads(self._driver.stdout.readline())

    def submit(self, *payloads: dict[str, float]) -> list[int]:
        """Submit a job for each payload, and return their numbers."""
        numbers: list[int] = self.order("submit", payloads=payloads)
        return numbers

    def submit_one(self, kind: str, payload: dict[str, Any] | None = None, **terms: Any) -> int:
        """Submit a job of any kind, and return its number."""
        number: int = self.order("submit_one", kind=kind, payload=payload, **terms)
        return number

    def stop_worker(self) -> None:
        """Stop the worker, if there is one."""
        if self._worker is not None and self._worker.process.poll() is None:
            self._worker.stop()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        connection = sqlite3.connect(self.database, timeout=20)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def change(self, statement: str) -> None:
        """Change the database, as somebody else would."""
        connection = sqlite3.connect(self.database, timeout=20)
        with connection:
            connection.execute(statement)
        connection.close()

    def state(self, job_id: int) -> str:
        """Return where a job stands."""
        return str(self.rows("SELECT state FROM jobs_job WHERE id = ?", job_id)[0][0])

    def traces(self, table: str, job_id: int) -> int:
        """Return how often a job left a trace."""
        return len(self.rows(f"SELECT 1 FROM {table} WHERE job_id = ?", job_id))  # noqa: S608 - a constant

    def close(self) -> None:
        """End every process."""
        for service in (self._worker, self._beat):
            if service is not None and service.process.poll() is None:
                service.stop()
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.close()
        self._driver.wait(PATIENCE_S)
        self._driver.stdout.close()


@contextmanager
def open_shop(folder: Path, broker_url: str, *, database: Path) -> Iterator[Shop]:
    """Yield a shop whose processes end with the block."""
    shop = Shop(folder, broker_url, database=database)
    try:
        yield shop
    finally:
        shop.close()


def make_database(folder: Path) -> Path:
    """Return a migrated database with the tables for traces."""
    subprocess.run(_python(MIGRATE), env=environment(folder), cwd=REPOSITORY, check=True)
    path = folder / "feira.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a shop whose things lie in a folder."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("FEIRA_")}
    return ours | {
        "FEIRA_DATA_DIR": str(folder),
        "FEIRA_LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "tests.shop.jobs.chaos.settings",
        "PYTHONPATH": str(REPOSITORY),
    }


def wait_until(is_so: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as something is so."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain until {what}"
        time.sleep(0.02)


def _python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", f"import django; django.setup(); {program}", *arguments]
