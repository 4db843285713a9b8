"""Handing the numbers of jobs to the broker. Losing one is harmless: the reconciler hands it out again."""

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import chain

import structlog
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from feira.settings import load_settings, sqlite_path
from feira.shop.jobs import selectors
from feira.shop.jobs.celery import RUN_JOB, app
from feira.shop.jobs.models import PENDING, Job, State
from feira.shop.jobs.registry import QUEUES
from feira.shop.jobs.transport import store_at

MOST_OUTSTANDING = 1000
MOST_AGAIN_PER_PASS = 200
BREAK_S = 10.0

_do_not_try_until = float("-inf")

logger = structlog.get_logger(__name__)


def publish(job_id: int, queue: str, *, last_published_at: datetime | None = None) -> bool:
    """Hand one job to the broker, unless it is no longer pending or somebody else has just done so.

    The note in the ledger comes first, so that two who want to publish the same job send one message. It is taken
    back when the broker cannot be reached.

    Returns:
        False when the broker could not be reached.
    """
    mine = Job.objects.filter(pk=job_id, state__in=PENDING, unmet=0, published_at=last_published_at)
    now = timezone.now()
    if not mine.update(state=State.QUEUED, published_at=now, publish_count=F("publish_count") + 1):
        return True
    try:
        app.send_task(RUN_JOB, (job_id,), queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        Job.objects.filter(pk=job_id, state=State.QUEUED, published_at=now).update(
            state=State.WAITING, published_at=None
        )
        logger.warning("broker_unreachable", job_id=job_id, reason=str(error))
        return False
    return True


def publish_new(job_id: int, queue: str) -> None:
    """Hand a fresh job to the broker at once, or leave it to the reconciler."""
    publish_some([Job(pk=job_id, queue=queue)])


def publish_some(jobs: Sequence[Job]) -> None:
    """Hand jobs that just became free to run to the broker at once, or leave them to the reconciler.

    They are left when the broker holds many already, and for a while after the broker could not be reached, so that a
    page that submits work is not slowed down time and again.
    """
    global _do_not_try_until  # noqa: PLW0603 - a breaker is one per process
    if not jobs or time.monotonic() < _do_not_try_until:
        return
    room = {queue: _room_for(queue) for queue in {job.queue for job in jobs}}
    for job in jobs:
        room[job.queue] -= 1
        if room[job.queue] >= 0 and not publish(job.pk, job.queue):
            _do_not_try_until = time.monotonic() + BREAK_S
            return


def publish_due() -> int:
    """Hand out what the broker does not know, has kept for too long or has lost; return how many were handed out.

    At most `MOST_OUTSTANDING` jobs of each queue are with the broker. It stops at once when the broker is away: the
    other jobs would only wait for it as well.
    """
    now = timezone.now()
    new = (selectors.jobs_never_published(queue, now=now, most=_room_for(queue)) for queue in QUEUES)
    missed = (selectors.jobs_missed(queue, now=now, most=_idle_places(queue, now)) for queue in QUEUES)
    published = 0
    for job in (
        *chain.from_iterable(new),
        *chain.from_iterable(missed),
        *selectors.jobs_to_publish_again(now=now, most=MOST_AGAIN_PER_PASS),
    ):
        if not publish(job.pk, job.queue, last_published_at=job.published_at):
            break
        published += 1
    return published


def _room_for(queue: str) -> int:
    return max(MOST_OUTSTANDING - selectors.outstanding_jobs(queue), 0)


def _idle_places(queue: str, now: datetime) -> int:
    return selectors.idle_places(queue, now=now) if selectors.outstanding_jobs(queue) else 0


def sweep_broker() -> int:
    """Drop what nobody reads any more from the embedded broker's file; other brokers do this themselves."""
    path = sqlite_path(load_settings().resolved_broker_url())
    return store_at(path).sweep() if path else 0
