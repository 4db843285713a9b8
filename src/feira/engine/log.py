"""Reads the index log from the shop's database with plain SQL, so that the engine needs none of the shop's code.

The contract with the shop, which writes these tables:

- `photos_indexlogentry(seq, op, photo_id)`: `op` 1 makes a photo searchable, 2 withdraws it. Sequence numbers have no
  gaps and become visible in their order, so whoever has read up to `seq` has missed nothing before it.
- `photos_embedding(photo_id, encoder_id, vector)`: float16 little-endian bytes, committed no later than the log entry
  that needs them and never changed without a new entry.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from feira.core.errors import FeiraError, Misconfigured
from feira.settings import sqlite_path

try:
    import psycopg
except ImportError:  # the extra `postgres` is not installed
    psycopg = None  # type: ignore[assignment]

ADD: Final = 1
REMOVE: Final = 2
PAGE: Final = 2_000
BUSY_TIMEOUT_S: Final = 5

SELECT_ENTRIES = """
SELECT l.seq, l.op, l.photo_id, e.vector
FROM photos_indexlogentry l
LEFT JOIN photos_embedding e ON e.photo_id = l.photo_id AND e.encoder_id = {0}
WHERE l.seq > {0} ORDER BY l.seq LIMIT {0}
"""
SELECT_HEAD = "SELECT COALESCE(MAX(seq), 0) FROM photos_indexlogentry"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change of what is searchable; `vector` holds float16 bytes, None when this encoder has no embedding of it."""

    seq: int
    op: int
    photo_id: int
    vector: bytes | None = None


class LogUnavailable(FeiraError):
    """The database cannot be read now: not there yet, not migrated yet, or away. Reading again later may succeed."""

    code = "log_unavailable"
    http_status = 503


class IndexLogSource(Protocol):
    """The index log as one encoder sees it. Used by one thread at a time; every method may raise `LogUnavailable`."""

    def head(self) -> int:
        """Return the last sequence number, 0 while the log is empty."""

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """Return up to `limit` entries with `seq > after`, ascending."""

    def close(self) -> None:
        """Let go of the connection; the next call opens one again."""


def open_log(database_url: str, encoder_id: str) -> IndexLogSource:
    """Return the log in this database; nothing is opened yet.

    Raises:
        Misconfigured: an address of another kind, or PostgreSQL without its driver.
    """
    path = sqlite_path(database_url)
    if path is not None:
        return SqliteLog(path, encoder_id)
    scheme = urlsplit(database_url).scheme
    if scheme not in {"postgres", "postgresql"}:
        raise Misconfigured(
            f"FEIRA_DATABASE_URL begins with {scheme or 'nothing'}:. Give sqlite:///path or postgres://user@host/name."
        )
    if psycopg is None:
        raise Misconfigured("FEIRA_DATABASE_URL names PostgreSQL, whose driver is missing. Install feira[postgres].")
    return PostgresLog(database_url, encoder_id)


class SqliteLog:
    """The log in a SQLite file, opened for reading only."""

    def __init__(self, path: Path, encoder_id: str) -> None:
        self._path, self._encoder_id = path, encoder_id
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def head(self) -> int:
        """See IndexLogSource."""
        return int(self._rows(SELECT_HEAD, ())[0][0])

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """See IndexLogSource."""
        return [LogEntry(*row) for row in self._rows(SELECT_ENTRIES.format("?"), (self._encoder_id, after, limit))]

    def close(self) -> None:
        """See IndexLogSource."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            # Every statement is read to its end at once: an open one would keep the write-ahead log from shrinking.
            return self._opened().execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise LogUnavailable(f"The index log in {self._path} cannot be read: {error}.") from error

    def _opened(self) -> sqlite3.Connection:
        # A file that was deleted and made anew keeps its old content for whoever has it open.
        found = self._path.stat()
        if self._connection is not None and self._file != (found.st_dev, found.st_ino):
            self.close()
        if self._connection is None:
            self._file = (found.st_dev, found.st_ino)
            self._connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        return self._connection


class PostgresLog:
    """The log in a PostgreSQL database, read in sessions that cannot write."""

    def __init__(self, url: str, encoder_id: str) -> None:
        self._url, self._encoder_id = url, encoder_id
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def head(self) -> int:
        """See IndexLogSource."""
        return int(self._rows(SELECT_HEAD, ())[0][0])

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """See IndexLogSource."""
        return [LogEntry(*row) for row in self._rows(SELECT_ENTRIES.format("%s"), (self._encoder_id, after, limit))]

    def close(self) -> None:
        """See IndexLogSource."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._opened().execute(statement.encode(), values).fetchall()
        except psycopg.Error as error:
            self.close()
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise LogUnavailable(f"The index log in PostgreSQL cannot be read: {reason}.") from error

    def _opened(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=BUSY_TIMEOUT_S,
                application_name="feira-engine",
                options="-c default_transaction_read_only=on -c statement_timeout=60000",
            )
        return self._connection
