"""The tables of the shop that an engine reads, written the way the shop writes them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psycopg

from feira.core.types import Matrix

TABLES = """
CREATE TABLE photos_indexlogentry (seq BIGINT PRIMARY KEY, op SMALLINT NOT NULL, photo_id BIGINT NOT NULL);
CREATE TABLE photos_embedding (
    photo_id BIGINT NOT NULL, encoder_id VARCHAR(200) NOT NULL, vector {binary} NOT NULL, UNIQUE (photo_id, encoder_id)
);
CREATE TABLE photos_servedencoder (
    id INTEGER PRIMARY KEY, name VARCHAR(120) NOT NULL, encoder_id VARCHAR(120) NOT NULL, state VARCHAR(12) NOT NULL
);
"""


class ShopTables(Protocol):
    """A database with an index log; `url` is what an engine is told."""

    url: str

    def append(self, photo_ids: Sequence[int], rows: Matrix, *, encoder_id: str) -> int:
        """Store embeddings and make the photos searchable; return the last sequence number."""

    def withdraw(self, photo_ids: Sequence[int]) -> int:
        """Make photos unsearchable; return the last sequence number."""

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Do anything else, as an accident or a person with a console would."""


def want(tables: ShopTables, **states: str) -> None:
    """Write the roster anew: the state of each encoder, by its name with `_` for `-`, which is also its id here."""
    tables.execute("DELETE FROM photos_servedencoder")
    for number, (name, state) in enumerate(states.items()):
        mark = "?" if tables.url.startswith("sqlite") else "%s"
        tables.execute(
            f"INSERT INTO photos_servedencoder VALUES ({', '.join([mark] * 4)})",  # noqa: S608
            (number, name.replace("_", "-"), name.replace("_", "-"), state),
        )


class SqliteTables:
    """In a SQLite file with a write-ahead log."""

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"sqlite:///{path}"

    def create(self) -> None:
        """Make the file and its tables."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(TABLES.format(binary="BLOB"))

    def append(self, photo_ids: Sequence[int], rows: Matrix, *, encoder_id: str) -> int:
        """See ShopTables."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO photos_embedding VALUES (?, ?, ?)", embeddings(photo_ids, rows, encoder_id)
            )
            return self._log(connection, 1, photo_ids)

    def withdraw(self, photo_ids: Sequence[int]) -> int:
        """See ShopTables."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return self._log(connection, 2, photo_ids)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """See ShopTables."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def _log(self, connection: sqlite3.Connection, op: int, photo_ids: Sequence[int]) -> int:
        head = int(connection.execute("SELECT COALESCE(MAX(seq), 0) FROM photos_indexlogentry").fetchone()[0])
        entries = [(head + place, op, photo_id) for place, photo_id in enumerate(photo_ids, start=1)]
        connection.executemany("INSERT INTO photos_indexlogentry VALUES (?, ?, ?)", entries)
        return head + len(entries)


class PostgresTables:
    """In a PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def create(self) -> None:
        """Make the tables."""
        with psycopg.connect(self.url) as connection:
            connection.execute(TABLES.format(binary="BYTEA").encode())

    def append(self, photo_ids: Sequence[int], rows: Matrix, *, encoder_id: str) -> int:
        """See ShopTables."""
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO photos_embedding VALUES (%s, %s, %s)", embeddings(photo_ids, rows, encoder_id)
            )
            return self._log(cursor, 1, photo_ids)

    def withdraw(self, photo_ids: Sequence[int]) -> int:
        """See ShopTables."""
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            return self._log(cursor, 2, photo_ids)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """See ShopTables."""
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode(), values)

    def _log(self, cursor: "psycopg.Cursor[Any]", op: int, photo_ids: Sequence[int]) -> int:
        found = cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM photos_indexlogentry").fetchone()
        head = int(found[0]) if found else 0
        entries = [(head + place, op, photo_id) for place, photo_id in enumerate(photo_ids, start=1)]
        cursor.executemany("INSERT INTO photos_indexlogentry VALUES (%s, %s, %s)", entries)
        return head + len(entries)


def embeddings(photo_ids: Sequence[int], rows: Matrix, encoder_id: str) -> list[tuple[int, str, bytes]]:
    """Return rows of the embedding table."""
    packed = [row.astype("<f2").tobytes() for row in rows]
    return [(photo_id, encoder_id, vector) for photo_id, vector in zip(photo_ids, packed, strict=True)]


def unit_rows(count: int, dim: int, *, seed: int = 0) -> Matrix:
    """Return random unit rows, float32, shape (count, dim)."""
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    unit: Matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
