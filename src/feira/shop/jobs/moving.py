"""Calling off and trying again what people see as one piece of work: a job and the jobs that came of it."""

from django.db import transaction

from feira.shop.jobs import services
from feira.shop.jobs.errors import CannotCancel
from feira.shop.jobs.models import UNFINISHED, Job, State

TO_RETRY = (State.FAILED, State.CANCELLED)


def cancel_all(job: Job) -> int:
    """Call off a job and whatever came of it that has not ended; return how many jobs that were.

    Raises:
        CannotCancel: all of it has ended before.
    """
    with transaction.atomic():
        cancelled = int(services.cancel(job))
        for child in Job.objects.filter(parent=job, state__in=UNFINISHED).order_by("pk"):
            cancelled += services.cancel(child)
    if not cancelled:
        raise CannotCancel(job.pk)
    return cancelled


def retry_all(job: Job) -> Job:
    """Let a job, and whatever came of it, go on where it failed or was cancelled; return the job that was opened.

    That is the job itself when only jobs that came of it are opened.

    Raises:
        CannotRetry: nothing of it failed or was cancelled, or another job does the same work already.
    """
    children = Job.objects.filter(parent=job, state__in=TO_RETRY).order_by("pk")
    with transaction.atomic():
        failed = list(children)
        opened = job if failed and job.state not in TO_RETRY else services.retry(job)
        for child in failed:
            child.refresh_from_db()
            # One that failed because of another was opened with that.
            if child.state in TO_RETRY:
                services.retry(child)
    return opened
