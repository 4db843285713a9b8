"""Messages in one SQLite file, each leased to whoever reads it: the embedded broker without the broker's protocol.

A message that is read stays in the file with a lease. It is deleted when it is done, comes back when it is given
back, and comes back by itself when its reader falls silent, `kill -9` included. Delivery is at least once.
"""

# ruff: noqa: S608 - the only pieces put into statements are constants and question marks

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    tag TEXT NOT NULL UNIQUE,
    leased_until REAL NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    expires REAL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_of_queue ON message (queue, id);
CREATE TABLE IF NOT EXISTS binding (
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    pattern TEXT NOT NULL,
    queue TEXT NOT NULL,
    PRIMARY KEY (exchange, routing_key, pattern, queue)
) WITHOUT ROWID;
-- Queues that live only as long as somebody reads them: replies and remote control.
CREATE TABLE IF NOT EXISTS passing_queue (
    queue TEXT PRIMARY KEY,
    idle_s REAL NOT NULL,
    seen REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS binding_of_queue ON binding (queue);
"""
BUSY_TIMEOUT_S = 30.0

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Delivered:
    """A message in the hands of a reader; `deliveries` counts this one."""

    tag: str
    body: str
    deliveries: int


@dataclass(frozen=True)
class Binding:
    """A queue that gets what is sent to an exchange under a routing key; `pattern` is for topics, else empty."""

    routing_key: str
    pattern: str
    queue: str


class MessageStore:
    """The messages of one file; used by many threads and processes at once.

    One connection per process, serialised by a lock. It is closed before a fork and opened again when needed, on
    both sides: SQLite's locks belong to the process, and a child that inherits an open connection would believe to
    hold locks that it does not have.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._own_changes = 0
        _stores.add(self)

    def put(self, queue: str, tag: str, body: str, *, expires: float | None = None) -> None:
        """Append a message; after `expires` (seconds since the epoch) nobody gets it any more."""
        values = (queue, tag, body, expires)
        self._write("INSERT INTO message (queue, tag, body, expires) VALUES (?, ?, ?, ?)", values)

    def take(self, queue: str, *, lease_s: float) -> Delivered | None:
        """Lease the oldest message of a queue that nobody holds, or return None."""
        now = self._clock()
        free = "queue = ? AND leased_until < ? AND (expires IS NULL OR expires > ?)"
        with self._lock:
            # Looking first costs a tenth of an UPDATE, which has to wait for the write lock to find nothing.
            if not self._read(f"SELECT 1 FROM message WHERE {free} LIMIT 1", (queue, now, now)):
                return None
            rows = self._write(
                "UPDATE message SET leased_until = ?, deliveries = deliveries + 1 WHERE id = "
                f"(SELECT id FROM message WHERE {free} ORDER BY id LIMIT 1) RETURNING tag, body, deliveries",
                (now + lease_s, queue, now, now),
            )
        return Delivered(*rows[0]) if rows else None

    def renew(self, tags: Collection[str], *, lease_s: float) -> None:
        """Hold these messages for a further term."""
        if tags:
            until = self._clock() + lease_s
            self._write(
                f"UPDATE message SET leased_until = ? WHERE tag IN ({_marks(tags)})",
                (until, *tags),
            )

    def done(self, tag: str) -> None:
        """Delete a message that was dealt with; unknown tags are fine."""
        self._write("DELETE FROM message WHERE tag = ?", (tag,))

    def give_back(self, tags: Collection[str]) -> None:
        """End the leases of these messages: whoever asks next gets them."""
        if tags:
            self._write(f"UPDATE message SET leased_until = 0 WHERE tag IN ({_marks(tags)})", tuple(tags))

    def ready(self, queue: str) -> int:
        """Return how many messages of a queue nobody holds."""
        now = self._clock()
        rows = self._read(
            "SELECT count(*) FROM message WHERE queue = ? AND leased_until < ? AND (expires IS NULL OR expires > ?)",
            (queue, now, now),
        )
        return int(rows[0][0])

    def purge(self, queue: str) -> int:
        """Delete the messages of a queue that nobody holds; return how many there were."""
        return len(
            self._write("DELETE FROM message WHERE queue = ? AND leased_until < ? RETURNING 1", (queue, self._clock()))
        )

    def drop_queue(self, queue: str) -> None:
        """Delete a queue with its messages and bindings."""
        for table in ("binding", "message", "passing_queue"):
            self._write(f"DELETE FROM {table} WHERE queue = ?", (queue,))

    def bind(self, exchange: str, binding: Binding) -> None:
        """Send what comes to an exchange to a queue, too; binding twice changes nothing."""
        if binding not in self.bindings(exchange):
            values = (exchange, binding.routing_key, binding.pattern, binding.queue)
            self._write("INSERT OR IGNORE INTO binding VALUES (?, ?, ?, ?)", values)

    def unbind(self, exchange: str, binding: Binding) -> None:
        """Undo `bind`."""
        self._write(
            "DELETE FROM binding WHERE (exchange, routing_key, pattern, queue) = (?, ?, ?, ?)",
            (exchange, binding.routing_key, binding.pattern, binding.queue),
        )

    def bindings(self, exchange: str) -> list[Binding]:
        """Return where an exchange sends its messages."""
        rows = self._read("SELECT routing_key, pattern, queue FROM binding WHERE exchange = ?", (exchange,))
        return [Binding(*row) for row in rows]

    def let_pass(self, queue: str, *, idle_s: float) -> None:
        """Mark a queue as one that may be dropped when nobody has called this for `idle_s` seconds."""
        self._write("INSERT OR REPLACE INTO passing_queue VALUES (?, ?, ?)", (queue, idle_s, self._clock()))

    def sweep(self) -> int:
        """Drop passing queues that nobody reads any more, and messages past their time; return how many of both."""
        now = self._clock()
        stale = [queue for (queue,) in self._read("SELECT queue FROM passing_queue WHERE seen + idle_s < ?", (now,))]
        for queue in stale:
            self.drop_queue(queue)
        expired = self._write("DELETE FROM message WHERE expires <= ? AND leased_until < ? RETURNING 1", (now, now))
        return len(stale) + len(expired)

    def changes(self) -> tuple[int, int]:
        """Return a value that differs whenever the file has changed, be it by others or through this store.

        Costs a few microseconds, which is what makes frequent polling cheap.
        """
        # SQLite's data_version does not move for changes made over the connection that asks.
        return int(self._read("PRAGMA data_version")[0][0]), self._own_changes

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def hold_still(self) -> None:
        """Close the file and let no other thread open it until `go_on`; for the moment of a fork."""
        self._lock.acquire()
        self.close()

    def go_on(self) -> None:
        """End `hold_still`, in the same thread or its copy in the child."""
        self._lock.release()

    def _read(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        with self._lock:
            return self._open().execute(query, values).fetchall()

    def _write(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        with self._lock:
            rows = self._open().execute(query, values).fetchall()
            self._own_changes += 1
            return rows

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA synchronous = NORMAL")
            _use_write_ahead_log(connection)
            connection.executescript(SCHEMA)
            self._connection = connection
        return self._connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. SQLite does not wait here when another process does the same, so this does."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _marks(values: Collection[object]) -> str:
    return ",".join("?" * len(values))


_stores: "weakref.WeakSet[MessageStore]" = weakref.WeakSet()
_held: list[MessageStore] = []


def _before_fork() -> None:
    for store in list(_stores):
        store.hold_still()
        _held.append(store)


def _after_fork() -> None:
    while _held:
        _held.pop().go_on()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
