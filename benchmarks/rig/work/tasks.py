"""The kinds of job that are measured."""

import time

from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from rig.echo import tell_done
from rig.work.tables import note
from rig.work.terms import LEASE_S


@job("work.leave_trace", lease_s=LEASE_S, max_attempts=30, backoff_s=0.5, max_backoff_s=5.0)
def leave_trace(job: RunningJob, *, number: int, seconds: float) -> None:
    """Take some time, then have an effect."""
    note("begun", number, job.id, time.time())
    time.sleep(seconds)
    with job.committing():
        note("effect", number, job.id, time.time())


@job("work.nothing")
def nothing(job: RunningJob, *, number: int, port: int) -> None:
    """Do nothing, and say so to whoever listens on the port, once it stands in the ledger."""
    with job.committing():
        pass
    tell_done(number, port)
