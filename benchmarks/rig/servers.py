"""Servers of one's own, to be killed and started again: Redis, RabbitMQ and PostgreSQL, where they are installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import psycopg
from kombu import Connection
from kombu.exceptions import OperationalError

from feira.cli.up import free_ports

START_S = 60.0
STOP_S = 20.0


class NotInstalled(RuntimeError):
    """A program is missing that this measurement needs."""


class Server(ABC):
    """One server with its files in a folder and a port that it keeps across restarts; nothing runs before `start`.

    Args:
        folder: an empty one.

    Raises:
        NotInstalled: the program is not on this machine.
    """

    name: ClassVar[str]
    crash_signal: ClassVar[int] = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.prepare()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers."""

    @abstractmethod
    def prepare(self) -> None:
        """Find the program and make what it needs."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return how it is started."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    def environment(self) -> dict[str, str]:
        """Return variables that it needs beside the usual ones."""
        return {}

    def user(self) -> str | None:
        """Return as whom it runs, None for ourselves."""
        return None

    def start(self) -> None:
        """Start and wait until it serves."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment()},
                user=self.user(),
                cwd="/",
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} does not answer. Its last lines:\n{tail}")
            time.sleep(0.05)

    def crash(self) -> None:
        """End it at once, with no chance to write anything down."""
        assert self._process is not None
        os.killpg(self._process.pid, self.crash_signal)
        self._process.wait(STOP_S)

    def close(self) -> None:
        """End it for good; fine when it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


class Redis(Server):
    """Keeps messages in memory only: a kill loses every one of them, the worst that a broker can do."""

    name = "redis"

    def prepare(self) -> None:
        """Find the program."""
        self._program = program("redis-server", "/usr/bin/redis-server")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Return how it is started."""
        return [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]

    def answers(self) -> bool:
        """Whether it serves."""
        return broker_answers(self.url)


class RabbitMQ(Server):
    """Keeps messages in files."""

    name = "rabbitmq"

    def prepare(self) -> None:
        """Find the program and write its configuration."""
        # Debian's /usr/sbin/rabbitmq-server changes to another user; the program behind it runs as anybody.
        self._program = program("rabbitmq-server", "/usr/lib/rabbitmq/bin/rabbitmq-server")
        (self.folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (self._distribution_port,) = free_ports(1)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> list[str]:
        """Return how it is started."""
        return [self._program]

    def environment(self) -> dict[str, str]:
        """Keep everything in the folder."""
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"feira-bench-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none.conf"),
        }

    def answers(self) -> bool:
        """Whether it serves."""
        return broker_answers(self.url)


class PostgreSQL(Server):
    """A database server; its crash is the immediate shutdown, which leaves recovery to the next start."""

    name = "postgresql"
    crash_signal = signal.SIGQUIT

    def prepare(self) -> None:
        """Find the programs and make an empty cluster."""
        self._programs = postgresql_programs()
        self._data = self.folder / "cluster"
        self._data.mkdir(mode=0o700)
        if user := self.user():
            os.chown(self._data, pwd.getpwnam(user).pw_uid, -1)
            for above in [self.folder, *self.folder.parents][:3]:
                if not above.stat().st_mode & 0o001:
                    above.chmod(above.stat().st_mode | 0o111)
        made = subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8"],
            capture_output=True,
            text=True,
            check=False,
            user=self.user(),
            cwd="/",
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def user(self) -> str | None:
        """Return somebody who owns nothing when we are root, as whom the server refuses to run."""
        return "nobody" if os.geteuid() == 0 else None

    def command(self) -> list[str]:
        """Return how it is started."""
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        switches = [f"--{name}={value}" for name, value in options.items()]
        return [str(self._programs / "postgres"), "-D", str(self._data), *switches]

    def answers(self) -> bool:
        """Whether it serves."""
        try:
            psycopg.connect(self.url, connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True


def program(name: str, usual_place: str) -> str:
    """Return where a program lies.

    Raises:
        NotInstalled: nowhere.
    """
    if Path(usual_place).exists():
        return usual_place
    if found := shutil.which(name):
        return found
    raise NotInstalled(f"The program {name} is not installed.")


def postgresql_programs() -> Path:
    """Return the folder of `initdb` and `postgres`; Debian keeps it out of the search path.

    Raises:
        NotInstalled: there is none.
    """
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise NotInstalled("The programs of PostgreSQL are not installed.")


def broker_answers(url: str) -> bool:
    """Whether a broker takes connections and speaks its protocol."""
    host, _, port = url.rpartition("@")[2].removeprefix("redis://").partition("/")[0].partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        with Connection(url, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except (OSError, OperationalError):
        return False
    return True
