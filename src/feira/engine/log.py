"""Reads the index log from the shop's database with plain SQL, so that the engine needs none of the shop's code.

The contract with the shop, which writes these tables:

- `photos_indexlogentry(seq, op, photo_id)`: `op` 1 makes a photo searchable, 2 withdraws it. Sequence numbers have no
  gaps and become visible in their order, so whoever has read up to `seq` has missed nothing before it.
- `photos_embedding(photo_id, encoder_id, vector)`: float16 little-endian bytes, committed no later than the log entry
  that needs them and never changed without a new entry.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from feira.engine.database import LogUnavailable, ReadOnly, open_database

__all__ = ["ADD", "PAGE", "REMOVE", "IndexLog", "IndexLogSource", "LogEntry", "LogUnavailable", "open_log"]

ADD: Final = 1
REMOVE: Final = 2
PAGE: Final = 2_000

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
    return IndexLog(open_database(database_url), encoder_id)


class IndexLog:
    """The log in the shop's database."""

    def __init__(self, database: ReadOnly, encoder_id: str) -> None:
        self._database, self._encoder_id = database, encoder_id

    def head(self) -> int:
        """See IndexLogSource."""
        return int(self._database.rows(SELECT_HEAD)[0][0])

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """See IndexLogSource."""
        return [LogEntry(*row) for row in self._database.rows(SELECT_ENTRIES, (self._encoder_id, after, limit))]

    def close(self) -> None:
        """See IndexLogSource."""
        self._database.close()
