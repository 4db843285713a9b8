"""Reads the index log from the shop's database with plain SQL, so that the engine needs none of the shop's code.

The contract with the shop, which writes these tables:

- `photos_indexlogentry(seq, op, photo_id)`: `op` 1 makes a photo searchable, 2 withdraws it. Sequence numbers have no
  gaps and become visible in their order, so whoever has read up to `seq` has missed nothing before it.
- `photos_embedding(photo_id, encoder_id, vector)`: float16 little-endian bytes, committed no later than the log entry
  that needs them and never changed without a new entry.
- The oldest entries may be deleted, the last one never. Whoever needs one that is gone reads what is searchable from
  `photos_photo(id, searchable)` instead, and then the entries since: both say the same, because they are written
  together.
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
SELECT_FIRST = "SELECT COALESCE(MIN(seq), 0) FROM photos_indexlogentry"
SELECT_SEARCHABLE = """
SELECT p.id, e.vector FROM photos_photo p
JOIN photos_embedding e ON e.photo_id = p.id AND e.encoder_id = {0}
WHERE p.searchable AND p.id > {0} ORDER BY p.id LIMIT {0}
"""


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

    def first(self) -> int:
        """Return the oldest sequence number that is still there, 0 while the log is empty."""

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """Return up to `limit` entries with `seq > after`, ascending."""

    def searchable(self, after_photo: int, *, limit: int = PAGE) -> list[tuple[int, bytes]]:
        """Return up to `limit` searchable photos with a higher id and their float16 bytes, by id."""

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

    def first(self) -> int:
        """See IndexLogSource."""
        return int(self._database.rows(SELECT_FIRST)[0][0])

    def searchable(self, after_photo: int, *, limit: int = PAGE) -> list[tuple[int, bytes]]:
        """See IndexLogSource."""
        return [
            (int(row[0]), bytes(row[1]))
            for row in self._database.rows(SELECT_SEARCHABLE, (self._encoder_id, after_photo, limit))
        ]

    def read(self, after: int, *, limit: int = PAGE) -> list[LogEntry]:
        """See IndexLogSource."""
        return [LogEntry(*row) for row in self._database.rows(SELECT_ENTRIES, (self._encoder_id, after, limit))]

    def close(self) -> None:
        """See IndexLogSource."""
        self._database.close()
