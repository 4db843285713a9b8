"""Reads the shop's database with plain SQL, so that the engine needs none of the shop's code; it never writes."""

import sqlite3
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from feira.core.errors import FeiraError, Misconfigured
from feira.settings import sqlite_path

try:
    import psycopg
except ImportError:  # the extra `postgres` is not installed
    psycopg = None  # type: ignore[assignment]

BUSY_TIMEOUT_S: Final = 5

Row = tuple[Any, ...]


class LogUnavailable(FeiraError):
    """The database cannot be read now: not there yet, not migrated yet, or away. Reading again later may succeed."""

    code = "log_unavailable"
    http_status = 503


class ReadOnly(Protocol):
    """A connection that opens itself when it is needed and again after a failure. Used by one thread at a time."""

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        """Return every row of a query, in which `{0}` stands for each value.

        Raises:
            LogUnavailable: the database cannot be read now.
        """

    def close(self) -> None:
        """Let go of the connection; the next call opens one again."""


def open_database(url: str) -> ReadOnly:
    """Return a reader of this database; nothing is opened yet.

    Raises:
        Misconfigured: an address of another kind, or PostgreSQL without its driver.
    """
    path = sqlite_path(url)
    if path is not None:
        return SqliteReader(path)
    scheme = urlsplit(url).scheme
    if scheme not in {"postgres", "postgresql"}:
        raise Misconfigured(
            f"FEIRA_DATABASE_URL begins with {scheme or 'nothing'}:. Give sqlite:///path or postgres://user@host/name."
        )
    if psycopg is None:
        raise Misconfigured("FEIRA_DATABASE_URL names PostgreSQL, whose driver is missing. Install feira[postgres].")
    return PostgresReader(url)


class SqliteReader:
    """A SQLite file, opened for reading only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        """See ReadOnly."""
        try:
            # Every statement is read to its end at once: an open one would keep the write-ahead log from shrinking.
            return self._opened().execute(statement.format("?"), values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise LogUnavailable(f"The database in {self._path} cannot be read: {error}.") from error

    def close(self) -> None:
        """See ReadOnly."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        # A file that was deleted and made anew keeps its old content for whoever has it open.
        found = self._path.stat()
        if self._connection is not None and self._file != (found.st_dev, found.st_ino):
            self.close()
        if self._connection is None:
            self._file = (found.st_dev, found.st_ino)
            self._connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,  # one at a time is promised, the same one is not
            )
        return self._connection


class PostgresReader:
    """A PostgreSQL database, read in sessions that cannot write."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Row] | None = None

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Row]:
        """See ReadOnly."""
        try:
            return self._opened().execute(statement.format("%s").encode(), values).fetchall()
        except psycopg.Error as error:
            self.close()
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise LogUnavailable(f"The database in PostgreSQL cannot be read: {reason}.") from error

    def close(self) -> None:
        """See ReadOnly."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> "psycopg.Connection[Row]":
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=BUSY_TIMEOUT_S,
                application_name="feira-engine",
                options="-c default_transaction_read_only=on -c statement_timeout=60000",
            )
        return self._connection
