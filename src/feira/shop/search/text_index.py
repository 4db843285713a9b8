"""The keyword index over live listings: one port, and which database stands behind it.

The index is derived and may be rebuilt at any time. It covers title, category and attribute words, tags, and
description, in this order of weight, and holds live listings only: neither results nor corrections of typing errors can
come from what is not public.
"""

from typing import Protocol

from django.db import connections
from django.db.models import QuerySet

from feira.shop.listings.models import Listing
from feira.shop.search.postgresql import PostgresqlTextIndex
from feira.shop.search.sqlite import SqliteTextIndex
from feira.shop.search.words import Words


class TextIndex(Protocol):
    """What a database has to offer for finding listings by words."""

    def having(self, listings: QuerySet[Listing], words: Words) -> QuerySet[Listing]:
        """Narrow the listings to those that have every wanted and no unwanted term."""

    def best(self, listings: QuerySet[Listing], words: Words, *, most: int) -> list[int]:
        """Return the ids of `having`, the best match first, the newer listing at a tie; one query.

        Args:
            words: with at least one wanted term.
        """

    def vocabulary(self, *, most: int) -> dict[str, int]:
        """Return the folded words in the index and on how many listings each stands, the most frequent `most`."""

    def repair(self) -> bool:
        """Put back what a change of the listings' table may have swept away, and tell whether that was needed."""


def text_index(database: str = "default") -> TextIndex:
    """Return the keyword index of a database."""
    connection = connections[database]
    if connection.vendor == "sqlite":
        return SqliteTextIndex(connection)
    return PostgresqlTextIndex(connection)
