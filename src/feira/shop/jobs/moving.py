"""Calling off and trying again what people see as one piece of work: a job and the jobs that came of it.

Those are its children, theirs in turn, and so on: a job that has ended may be the parent of one that works. Pages, API
and command line all do it by these.
"""

from collections.abc import Iterator, Sequence

from django.db import transaction

from feira.shop.jobs import leases, services
from feira.shop.jobs.dependencies import parts
from feira.shop.jobs.errors import CannotCancel
from feira.shop.jobs.models import UNFINISHED, Job, State

TO_RETRY = (State.FAILED, State.CANCELLED)


def generations(job: Job) -> Iterator[list[int]]:
    """Yield the numbers of the children of a job, then of their children, and so on; a few queries each.

    One after the other, so that jobs which a running job submits while its parents are called off are found.
    """
    parents = [job.pk]
    while parents:
        children: list[int] = []
        for some in parts(parents):
            children.extend(Job.objects.filter(parent__in=some).values_list("pk", flat=True))
        parents = sorted(children)
        if parents:
            yield parents


def has_unfinished_below(job: Job) -> bool:
    """Tell whether any job that came of this one, directly or not, has not ended."""
    return any(
        Job.objects.filter(pk__in=some, state__in=UNFINISHED).exists()
        for numbers in generations(job)
        for some in parts(numbers)
    )


def cancel_all(job: Job) -> int:
    """Call off a job and whatever came of it that has not ended; return how many jobs that were.

    What waits for one of them (`after=`) fails and names it as the cause.

    Raises:
        CannotCancel: all of it has ended before.
    """
    with transaction.atomic():
        cancelled = int(services.cancel(job))
        for numbers in generations(job):
            cancelled += leases.cancel_many(numbers)
    if not cancelled:
        raise CannotCancel(job.pk)
    return cancelled


def retry_all(job: Job) -> Job:
    """Let a job, and whatever came of it, go on where it failed or was cancelled; return the job that was opened.

    That is the job itself when only jobs that came of it are opened.

    Raises:
        CannotRetry: nothing of it failed or was cancelled, or another job does the same work already.
    """
    with transaction.atomic():
        broken = [number for numbers in generations(job) for number in _broken_among(numbers)]
        opened = job if broken and job.state not in TO_RETRY else services.retry(job)
        for number in broken:
            # One that failed because of another was opened with that.
            if (below := Job.objects.filter(pk=number, state__in=TO_RETRY).first()) is not None:
                services.retry(below)
    return opened


def _broken_among(numbers: Sequence[int]) -> list[int]:
    broken = (Job.objects.filter(pk__in=some, state__in=TO_RETRY) for some in parts(numbers))
    return sorted(number for some in broken for number in some.values_list("pk", flat=True))
