"""Real brokers for the system tests: those that run, else private ones from programs that are installed."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from feira.shop.jobs.registry import QUEUES

START_S = 30.0

Start = Callable[[Path, int], tuple["subprocess.Popen[bytes]", str]]


@contextmanager
def broker(name: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty broker; skip, or fail under `CI=true`, when there is no such program."""
    if name == "embedded":
        yield f"sqlite:///{folder / 'broker.sqlite3'}"
    elif name == "redis":
        with _running(os.environ.get("FEIRA_TEST_REDIS_URL", "redis://127.0.0.1:6379/9"), _redis, folder) as url:
            yield url
    else:
        with _running(
            os.environ.get("FEIRA_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"), _rabbitmq, folder
        ) as url:
            yield url


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(url: str, start: Start, folder: Path) -> Iterator[str]:
    if _is_reachable(url):
        _empty(url)
        yield url
        return
    process, url = start(folder, free_port())
    try:
        deadline = time.monotonic() + START_S
        while not _is_reachable(url):
            assert process.poll() is None, f"the broker for {url} ended at once with {process.returncode}"
            assert time.monotonic() < deadline, f"the broker for {url} does not answer"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(START_S)


def _redis(folder: Path, port: int) -> tuple["subprocess.Popen[bytes]", str]:
    program = _program("redis-server", "/usr/bin/redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return _start(command), f"redis://127.0.0.1:{port}/9"


def _rabbitmq(folder: Path, port: int) -> tuple["subprocess.Popen[bytes]", str]:
    # Debian's /usr/sbin/rabbitmq-server changes to another user; the program behind it runs as anybody.
    program = _program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
    config = folder / "rabbitmq.conf"
    config.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    places = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"feira-test-{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
    }
    return _start([program], places), f"amqp://guest:guest@127.0.0.1:{port}//"


def _start(command: list[str], environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )


def _program(name: str, usual_place: str) -> str:
    if Path(usual_place).exists():
        return usual_place
    if found := shutil.which(name):
        return found
    message = f"no {name} runs and the program {name} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _is_reachable(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=1):
            pass
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (OSError, OperationalError):
        return False
    return True


def _empty(url: str) -> None:
    """Remove what an earlier run has left in the queues."""
    with Connection(url) as connection:
        for name in QUEUES:
            queue = Queue(name, Exchange(name), routing_key=name, durable=True, channel=connection.default_channel)
            queue.declare()
            queue.purge()
