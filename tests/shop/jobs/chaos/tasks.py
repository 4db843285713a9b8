"""Jobs that leave traces: a row for every time they ran, and a row for their effect."""

import time

from django.db import connection

from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

TABLES = """
CREATE TABLE execution (job_id INTEGER NOT NULL);
CREATE TABLE effect (job_id INTEGER NOT NULL);
"""


@job("chaos.work", lease_s=30, max_attempts=4)
def work(job: RunningJob, *, seconds: float = 0.0) -> dict[str, int] | None:
    """Take some time, then have an effect. Nothing but the ledger keeps the effect from doubling."""
    _trace("execution", job.id)
    time.sleep(seconds)
    with job.committing() as result:
        _trace("effect", job.id)
        result["attempt"] = job.attempt
    return None


def _trace(table: str, job_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (%s)", [job_id])  # noqa: S608 - one of two constants
