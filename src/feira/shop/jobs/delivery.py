"""Handing the numbers of jobs to the broker. Losing one is harmless: the reconciler hands it out again."""

import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from feira.settings import load_settings, sqlite_path
from feira.shop.jobs import selectors, statements
from feira.shop.jobs.celery import RUN_JOB, app
from feira.shop.jobs.models import PENDING, Job, State
from feira.shop.jobs.registry import QUEUES
from feira.shop.jobs.transport import store_at

MOST_OUTSTANDING = 1000
# SQLite takes only so many values in one statement.
MOST_AT_ONCE = 500
MOST_AGAIN_PER_PASS = 200
BREAK_S = 10.0

_do_not_try_until = float("-inf")

logger = structlog.get_logger(__name__)


class _Handout:
    """The jobs that were submitted in one transaction: whichever is the first to hear of the commit publishes all."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}

    def add(self, job: Job) -> "_OnCommit":
        """Take a job in; return what is to be called on commit."""
        self._jobs[job.pk] = job
        return _OnCommit(self, job.pk)

    def publish(self, mine: int) -> None:
        """Publish those that were not yet, except for what waits for a commit that has not happened.

        Among them may be jobs that were rolled back to a savepoint. They are not in the ledger, which decides.
        """
        # Each of Django's entries has savepoints, what is to be called, and how errors are taken.
        entries: list[tuple[Any, ...]] = list(connection.run_on_commit)
        waiting = {call.job_id for _savepoints, call, *_how in entries if isinstance(call, _OnCommit)}
        ready = [job for number, job in self._jobs.items() if number == mine or number not in waiting]
        for job in ready:
            del self._jobs[job.pk]
        publish_some(ready)


@dataclass(frozen=True, slots=True)
class _OnCommit:
    """Tells a handout that one of its jobs was committed; it lives as long as the transaction knows of it."""

    handout: _Handout
    job_id: int

    def __call__(self) -> None:
        self.handout.publish(self.job_id)


class _Open(threading.local):
    """The handout of this thread's transaction; gone with what was to be called at its end."""

    handout: "weakref.ref[_Handout] | None" = None


_open = _Open()


def publish_on_commit(job: Job) -> None:
    """Hand a job to the broker when the transaction is committed, together with the others of that transaction."""
    handout = _open.handout() if _open.handout is not None else None
    if handout is None:
        handout = _Handout()
        _open.handout = weakref.ref(handout)
    transaction.on_commit(handout.add(job), robust=True)


def publish_some(jobs: Sequence[Job]) -> None:
    """Hand jobs that just became free to run to the broker at once, or leave them to the reconciler.

    They are left when the broker holds many already, and for a while after the broker could not be reached, so that a
    page that submits work is not slowed down time and again.
    """
    global _do_not_try_until  # noqa: PLW0603 - a breaker is one per process
    if not jobs or time.monotonic() < _do_not_try_until:
        return
    for queue in dict.fromkeys(job.queue for job in jobs):
        if not _publish_new(queue, [job.pk for job in jobs if job.queue == queue])[1]:
            _do_not_try_until = time.monotonic() + BREAK_S
            return


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
    return not _send([job_id], queue, noted_at=now)


def _publish_new(queue: str, job_ids: Sequence[int]) -> tuple[int, bool]:
    """Hand jobs of a queue to the broker that it never had, as many as there is room for.

    Returns:
        How many were handed out, and whether the broker could be reached.
    """
    published = 0
    for start in range(0, len(job_ids), MOST_AT_ONCE):
        now = timezone.now()
        noted = statements.hand_out(job_ids[start : start + MOST_AT_ONCE], queue, most=MOST_OUTSTANDING, now=now)
        left = _send(noted, queue, noted_at=now)
        published += len(noted) - len(left)
        if left:
            return published, False
    return published, True


def _send(job_ids: Sequence[int], queue: str, *, noted_at: datetime) -> Sequence[int]:
    """Send a message for each job; return those that the broker did not take, of which the notes were taken back."""
    sent = 0
    try:
        # One connection for all; none is opened when there is nothing to say.
        with app.producer_or_acquire() if job_ids else nullcontext() as producer:
            for number in job_ids:
                app.send_task(RUN_JOB, (number,), queue=queue, retry=False, producer=producer)
                sent += 1
    except (OperationalError, OSError) as error:
        left = job_ids[sent:]
        Job.objects.filter(pk__in=left, state=State.QUEUED, published_at=noted_at).update(
            state=State.WAITING, published_at=None
        )
        logger.warning("broker_unreachable", job_id=left[0] if left else None, jobs=len(left), reason=str(error))
        return left
    return ()


def publish_due() -> int:
    """Hand out what the broker does not know, has kept for too long or has lost; return how many were handed out.

    At most `MOST_OUTSTANDING` jobs of each queue are with the broker. It stops at once when the broker is away: the
    other jobs would only wait for it as well.
    """
    now = timezone.now()
    published = 0
    for queue in QUEUES:
        new = selectors.jobs_never_published(queue, now=now, most=_room_for(queue))
        handed_out, is_reached = _publish_new(queue, [job.pk for job in new])
        published += handed_out
        if not is_reached:
            return published
    missed = (selectors.jobs_missed(queue, now=now, most=_idle_places(queue, now)) for queue in QUEUES)
    for job in (*chain.from_iterable(missed), *selectors.jobs_to_publish_again(now=now, most=MOST_AGAIN_PER_PASS)):
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
