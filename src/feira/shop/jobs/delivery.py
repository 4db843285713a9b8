"""Handing the numbers of jobs to the broker. Losing one is harmless: the reconciler hands it out again."""

import time
from datetime import datetime

import structlog
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from feira.settings import load_settings, sqlite_path
from feira.shop.jobs import selectors
from feira.shop.jobs.celery import run_job
from feira.shop.jobs.models import PENDING, Job, State
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
    mine = Job.objects.filter(pk=job_id, state__in=PENDING, published_at=last_published_at)
    now = timezone.now()
    if not mine.update(state=State.QUEUED, published_at=now, publish_count=F("publish_count") + 1):
        return True
    try:
        run_job.apply_async((job_id,), queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        Job.objects.filter(pk=job_id, state=State.QUEUED, published_at=now).update(
            state=State.WAITING, published_at=None
        )
        logger.warning("broker_unreachable", job_id=job_id, reason=str(error))
        return False
    return True


def publish_new(job_id: int, queue: str) -> None:
    """Hand a fresh job to the broker at once, or leave it to the reconciler.

    It is left when the broker holds many already, and for a while after the broker could not be reached, so that a
    page that submits work is not slowed down time and again.
    """
    global _do_not_try_until  # noqa: PLW0603 - a breaker is one per process
    if time.monotonic() < _do_not_try_until or selectors.outstanding_jobs() >= MOST_OUTSTANDING:
        return
    if not publish(job_id, queue):
        _do_not_try_until = time.monotonic() + BREAK_S


def publish_due() -> int:
    """Hand out what the broker does not know or has kept for too long; return how many were handed out.

    At most `MOST_OUTSTANDING` jobs are with the broker. It stops at once when the broker is away: the other jobs
    would only wait for it as well.
    """
    now = timezone.now()
    room = max(MOST_OUTSTANDING - selectors.outstanding_jobs(), 0)
    published = 0
    for job in (
        *selectors.jobs_never_published(now=now, most=room),
        *selectors.jobs_to_publish_again(now=now, most=MOST_AGAIN_PER_PASS),
    ):
        if not publish(job.pk, job.queue, last_published_at=job.published_at):
            break
        published += 1
    return published


def sweep_broker() -> int:
    """Drop what nobody reads any more from the embedded broker's file; other brokers do this themselves."""
    path = sqlite_path(load_settings().resolved_broker_url())
    return store_at(path).sweep() if path else 0
