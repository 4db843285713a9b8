"""The part of a web process: asks for work in transactions until enough was asked for, whatever happens to it."""

import argparse
import contextlib
import random
import sys
import time

from django.db import DatabaseError, connection, transaction

from feira.shop.jobs import services
from rig.work.tables import note
from rig.work.terms import UNDONE_FROM, length_s

MOST_AT_ONCE = 5


class ChangedMind(Exception):
    """Makes the transaction around a submission roll back."""


def main() -> None:
    """Ask until enough was asked for; the database tells a process that was started again what is missing.

    Django must be set up.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, required=True, help="how many in all")
    parser.add_argument("--backlog", type=int, required=True, help="wait while so many are unfinished")
    parser.add_argument("--seed", type=int, required=True, help="of the lengths of the jobs")
    asked = parser.parse_args()
    chance = random.Random()
    while True:
        try:
            if (first := count("asked")) >= asked.jobs:
                return
            if unfinished() >= asked.backlog:
                time.sleep(0.05)
                continue
            with contextlib.suppress(ChangedMind):
                ask(range(first, min(first + chance.randint(1, MOST_AT_ONCE), asked.jobs)), asked.seed, chance)
        except DatabaseError as error:
            # As the web does: this request fails, the next finds a fresh connection.
            print(f"the database refused: {error}", file=sys.stderr, flush=True)
            connection.close()
            time.sleep(0.2)


def ask(numbers: range, seed: int, chance: random.Random) -> None:
    """Ask for some jobs in one transaction; one in ten is rolled back."""
    is_undone = chance.random() < 0.1
    with transaction.atomic():
        for number in numbers:
            shown = number + UNDONE_FROM if is_undone else number
            job = services.submit("work.leave_trace", {"number": shown, "seconds": length_s(number, seed)})
            note("asked", shown, job.pk, time.time())
            # So that a kill finds transactions that are half done.
            time.sleep(0.002)
        if is_undone:
            raise ChangedMind


def count(table: str) -> int:
    """Return how many rows a table has."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
        return int(cursor.fetchone()[0])


def unfinished() -> int:
    """Return how much was asked for and is not done."""
    return count("asked") - count("effect")
