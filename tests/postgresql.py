"""A PostgreSQL server for tests: the one named, the one of this machine, or a private one from installed programs."""

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.environment import free_port

USUAL = "postgresql://postgres@127.0.0.1:5432/postgres"
NAMED = os.environ.get("FEIRA_TEST_POSTGRES_URL", USUAL)
START_S = 30.0


@contextmanager
def postgresql_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server on which databases may be made.

    Without any it skips, or fails under `CI=true`.

    Args:
        folder: an empty one, for the files of a private server.
    """
    if _answers(NAMED):
        yield NAMED
    else:
        with _private_server(folder) as url:
            yield url


@contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """Yield the address of a database of its own, dropped afterwards; see `postgresql_server`."""
    with postgresql_server(folder) as server, database_on(server) as url:
        yield url


@contextmanager
def database_on(server: str) -> Iterator[str]:
    """Yield the address of a new database on a server, dropped afterwards."""
    name = f"feira_test_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _private_server(folder: Path) -> Iterator[str]:
    programs = _programs()
    # The server refuses to run as root, so that root lends it to somebody who owns nothing.
    user = "nobody" if os.geteuid() == 0 else None
    data, port = folder / "cluster", free_port()
    data.mkdir(mode=0o700)
    if user is not None:
        os.chown(data, pwd.getpwnam(user).pw_uid, -1)
        for above in [folder, *folder.parents][:3]:
            above.chmod(above.stat().st_mode | 0o111)
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        capture_output=True,
        text=True,
        check=False,
        user=user,
        cwd="/",
    )
    assert made.returncode == 0, made.stderr
    options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    switches = [f"--{name}={value}" for name, value in options.items()]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *switches],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user,
        cwd="/",
    )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        deadline = time.monotonic() + START_S
        while not _answers(url):
            assert server.poll() is None, f"PostgreSQL ended at once with {server.returncode}"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(START_S)


def _programs() -> Path:
    """Return the folder of `initdb` and `postgres`; Debian keeps it out of the search path."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    message = "no PostgreSQL answers (FEIRA_TEST_POSTGRES_URL may name one), and its programs are not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
