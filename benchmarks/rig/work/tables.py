"""What was asked for and what came of it; no constraint keeps an effect from doubling, only the ledger does."""

from django.core.management import call_command
from django.db import connection

TABLES = (
    # A row for every piece of work that a committed transaction asked for.
    "CREATE TABLE asked (number INTEGER PRIMARY KEY, job_id BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL)",
    # A row for every time that work on it began.
    "CREATE TABLE begun (number INTEGER NOT NULL, job_id BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL)",
    # A row for every time that it had its effect.
    "CREATE TABLE effect (number INTEGER NOT NULL, job_id BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL)",
)


def make() -> None:
    """Migrate an empty database and add the tables."""
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for statement in TABLES:
            cursor.execute(statement)


def note(table: str, number: int, job_id: int, at: float) -> None:
    """Add a row to one of the tables."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", [number, job_id, at])  # noqa: S608 - a constant
