"""What a worker does with a message: it runs the job that goes first in the queue of the job whose number it carries.

A message is leave to run one job of a queue, and the ledger says which. So priorities mean the same on every broker,
and a job that must go soon does not wait until a thousand messages before its own have been read.
"""

import time

from django.db import close_old_connections, connection

from feira.shop.jobs import limits, running
from feira.shop.jobs.celery import RUN_JOB, app
from feira.shop.jobs.models import State
from feira.shop.jobs.patience import over_a_restart

# A connection is asked whether it still answers this often, not before every job: one that does not is replaced, with
# patience, when it is used.
CHECK_EVERY_S = 5.0

_checked_at = float("-inf")


@app.task(name=RUN_JOB)
def run_job(job_id: int) -> None:
    """Run one job of the ledger, unless somebody else does or did."""
    global _checked_at  # noqa: PLW0603 - a worker's child has one connection and reads one message at a time
    now = time.monotonic()
    if connection.errors_occurred or now - _checked_at >= CHECK_EVERY_S:
        _checked_at = now
        close_old_connections()
    # Without patience every message would be read and dropped in the seconds in which the database is away.
    over_a_restart(lambda: run_next(job_id))
    if limits.interrupter.is_spent:
        limits.end_this_process()


def run_next(job_id: int) -> State | None:
    """Run whichever job goes first in the queue of this one; return where it stands, None when there was none to run.

    When the job itself was run already, on leave of another message, that is the next in the queue.
    """
    return running.run_first(job_id)
