"""Reads what the shop has learned from its own database with plain SQL, as the index log is read.

The contract with the shop, which writes `learning_learnedpart(part, about, version, content, state)`: at most one row
is `live` for each part ("bridge", "projection", "heads", …) and what it is about (an encoder id, or empty), and the
content of a row never changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from feira.engine.database import ReadOnly, open_database

SELECT_VERSION = "SELECT version FROM learning_learnedpart WHERE part = {0} AND about = {0} AND state = 'live'"
SELECT_CONTENT = "SELECT version, content FROM learning_learnedpart WHERE part = {0} AND about = {0} AND state = 'live'"


@dataclass(frozen=True, slots=True)
class LivePart:
    """A learned part that is in force: its version names the content."""

    version: int
    content: bytes


class LearnedParts(Protocol):
    """The learned parts in force. Used by one thread at a time; every method may raise `LogUnavailable`."""

    def version(self, part: str, about: str) -> int | None:
        """Return the version of the live part, None when there is none; costs little."""

    def read(self, part: str, about: str) -> LivePart | None:
        """Return the live part, None when there is none."""

    def close(self) -> None:
        """Let go of the connection; the next call opens one again."""


OpenParts = Callable[[], LearnedParts]


class SqlParts:
    """The learned parts in the shop's database."""

    def __init__(self, database: ReadOnly) -> None:
        self._database = database

    def version(self, part: str, about: str) -> int | None:
        """See LearnedParts."""
        rows = self._database.rows(SELECT_VERSION, (part, about))
        return int(rows[0][0]) if rows else None

    def read(self, part: str, about: str) -> LivePart | None:
        """See LearnedParts."""
        rows = self._database.rows(SELECT_CONTENT, (part, about))
        return LivePart(version=int(rows[0][0]), content=bytes(rows[0][1])) if rows else None

    def close(self) -> None:
        """See LearnedParts."""
        self._database.close()


def open_parts(database_url: str) -> LearnedParts:
    """Return the learned parts in this database; nothing is opened yet.

    Raises:
        Misconfigured: an address of another kind, or PostgreSQL without its driver.
    """
    return SqlParts(open_database(database_url))
