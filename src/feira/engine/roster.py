"""Reads which encoders the shop wants served, by plain SQL, as the index log is read.

The contract with the shop, which writes `photos_servedencoder(id, name, encoder_id, state)`: at most one row is `live`
and at most one `previous`; `backfilling`, `paused` and `ready` are stages of the one that may come next; `retired` rows
are history. While there is no row at all, an engine serves what its settings say.
"""

from dataclasses import dataclass
from typing import Final

from feira.engine.database import ReadOnly, open_database

LIVE: Final = "live"
SELECT_ROSTER = "SELECT name, encoder_id, state FROM photos_servedencoder WHERE state <> 'retired' ORDER BY id"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An encoder that the shop wants served; `encoder_id` is empty when the shop has not said which weights."""

    name: str
    encoder_id: str
    state: str

    @property
    def is_live(self) -> bool:
        """Whether it answers when none is named."""
        return self.state == LIVE


class Roster:
    """The encoders that are wanted. Used by one thread at a time."""

    def __init__(self, database: ReadOnly) -> None:
        self._database = database

    def read(self) -> list[Wanted]:
        """Return every encoder that is wanted, the live one first; empty while the shop has never chosen.

        Raises:
            LogUnavailable: the database cannot be read now.
        """
        wanted = [Wanted(*map(str, row)) for row in self._database.rows(SELECT_ROSTER)]
        return sorted(wanted, key=lambda one: not one.is_live)

    def close(self) -> None:
        """Let go of the connection; the next call opens one again."""
        self._database.close()


def open_roster(database_url: str) -> Roster:
    """Return the roster in this database; nothing is opened yet.

    Raises:
        Misconfigured: an address of another kind, or PostgreSQL without its driver.
    """
    return Roster(open_database(database_url))
