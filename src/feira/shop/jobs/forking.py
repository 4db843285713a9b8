"""Using the database from threads of a process that forks."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

_guard = threading.RLock()


@contextmanager
def database_use() -> Iterator[None]:
    """Use the database inside, and leave no connection open behind.

    No fork happens meanwhile: a child must inherit no open connection, because SQLite's locks belong to the process
    that took them and PostgreSQL's socket cannot have two users.
    """
    with _guard:
        try:
            yield
        finally:
            connections.close_all()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release)
