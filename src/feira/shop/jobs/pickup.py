"""What a worker does with a message: it runs the job whose number it carries, or one that goes before it.

A message is leave to run one job of a queue, and the ledger says which. So priorities mean the same on every broker,
and a job that must go soon does not wait until a thousand messages before its own have been read.
"""

from django.db import close_old_connections
from django.utils import timezone

from feira.shop.jobs import limits, running, selectors
from feira.shop.jobs.celery import RUN_JOB, app
from feira.shop.jobs.models import PENDING, Job, State
from feira.shop.jobs.patience import over_a_restart

# So many are tried when other workers take the same jobs at the same moment.
MOST_TRIED = 8


@app.task(name=RUN_JOB)
def run_job(job_id: int) -> None:
    """Run one job of the ledger, unless somebody else does or did."""
    close_old_connections()
    # Without patience every message would be read and dropped in the seconds in which the database is away.
    over_a_restart(lambda: run_next(job_id))
    if limits.interrupter.is_spent:
        limits.end_this_process()


def run_next(job_id: int) -> State | None:
    """Run whichever job goes first in the queue of this one; return where it stands, None when there was none to run.

    When the job itself was run already, on leave of another message, the next in the queue is run in exchange.
    """
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    now = timezone.now()
    if job.state in PENDING:
        for number in (*selectors.jobs_to_run_first(job, now=now, most=MOST_TRIED), job.pk):
            if (state := running.run(number)) is not None:
                return state
    for number in selectors.jobs_to_run_next(job.queue, now=now, most=MOST_TRIED):
        if (state := running.run(number)) is not None:
            return state
    return None
