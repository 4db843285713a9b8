"""Looking into a shop's database from outside, over connections that last for one question."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg


class Away(RuntimeError):
    """The database does not answer just now."""


class Ledger:
    """Answers questions in SQL about one database, be it a file of SQLite or an address of PostgreSQL."""

    def __init__(self, database: Path | str) -> None:
        self._database = database

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query finds.

        Raises:
            Away: the database does not answer.
        """
        try:
            if isinstance(self._database, Path):
                lite = sqlite3.connect(self._database, timeout=20)
                try:
                    return lite.execute(query).fetchall()
                finally:
                    lite.close()
            with psycopg.connect(self._database, connect_timeout=3) as connection:
                return connection.execute(query.encode()).fetchall()
        except (sqlite3.OperationalError, psycopg.OperationalError) as error:
            raise Away(str(error)) from error

    def number(self, query: str) -> int:
        """Return the one number that a query finds."""
        return int(self.rows(query)[0][0])

    def numbers(self, query: str) -> set[int]:
        """Return the first column of what a query finds."""
        return {int(row[0]) for row in self.rows(query)}
