"""Moves of one job in the ledger, each a single conditional UPDATE, so that two workers can never both make it.

The database decides who wins, on SQLite and PostgreSQL alike; no row is locked between two statements.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any

from django.utils import timezone

from feira.shop.jobs.errors import LeaseLost
from feira.shop.jobs.models import PENDING, UNFINISHED, Job, State
from feira.shop.jobs.owners import this_process
from feira.shop.jobs.registry import Kind

ERROR_LENGTH = 4000


@dataclass(frozen=True)
class Lease:
    """The right to work on a job until it runs out; `token` is fresh for every attempt."""

    job_id: int
    token: str
    attempt: int
    max_attempts: int
    seconds: float


def claim(job: Job, kind: Kind) -> Lease | None:
    """Take a due job, or return None when it is not due, finished, or in other hands."""
    now = timezone.now()
    token = token_hex(16)
    taken = Job.objects.filter(pk=job.pk, state__in=PENDING, run_after__lte=now, attempts=job.attempts).update(
        state=State.RUNNING,
        attempts=job.attempts + 1,
        lease_token=token,
        lease_owner=this_process(),
        lease_until=now + timedelta(seconds=kind.lease_s),
        started_at=now,
    )
    return Lease(job.pk, token, job.attempts + 1, job.max_attempts, kind.lease_s) if taken else None


def renew(lease: Lease) -> None:
    """Hold the job for another full term.

    Raises:
        LeaseLost: it is in other hands or cancelled.
    """
    _update(lease, lease_until=timezone.now() + timedelta(seconds=lease.seconds))


def note_progress(lease: Lease, done: int, total: int, message: str) -> None:
    """Write down how far the work is; a sign of life, too.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    _update(
        lease,
        progress_done=done,
        progress_total=total,
        progress_message=message[:200],
        lease_until=timezone.now() + timedelta(seconds=lease.seconds),
    )


def succeed(lease: Lease, result: Mapping[str, Any] | None) -> None:
    """End the job well.

    Raises:
        LeaseLost: the job is in other hands or cancelled; a transaction around this must be rolled back.
    """
    _update(lease, state=State.SUCCEEDED, result=result, error="", finished_at=timezone.now(), lease_until=None)


def add_result(lease: Lease, result: Mapping[str, Any]) -> None:
    """Keep what a handler returned after it had already ended its job."""
    Job.objects.filter(pk=lease.job_id, state=State.SUCCEEDED, lease_token=lease.token).update(result=result)


def fail(lease: Lease, reason: str) -> None:
    """End the job badly, for good.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    _update(lease, state=State.FAILED, error=reason[:ERROR_LENGTH], finished_at=timezone.now(), lease_until=None)


def retry_later(lease: Lease, kind: Kind, reason: str) -> None:
    """Give the job back for a further attempt after a wait that doubles each time, half of it by chance.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    # The exponent is capped because 2**1000 is no float, and some kinds never stop trying.
    wait_s = min(kind.backoff_s * 2 ** min(lease.attempt - 1, 30), kind.max_backoff_s)
    _give_back(lease, reason, after_s=wait_s * random.uniform(0.5, 1.0))


def give_back(lease: Lease, reason: str) -> None:
    """Return a job unharmed, at once, because its worker has to stop; the attempt does not count.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    _give_back(lease, reason, after_s=0.0, attempts=lease.attempt - 1)


def cancel(job_id: int) -> bool:
    """Stop a job for good, or return False when it is finished already.

    A running one is fenced off: its next sign of life fails, and what it does until then is not kept.
    """
    return bool(
        Job.objects.filter(pk=job_id, state__in=UNFINISHED).update(
            state=State.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None
        )
    )


def _give_back(lease: Lease, reason: str, *, after_s: float, **also: Any) -> None:
    _update(
        lease,
        state=State.WAITING,
        run_after=timezone.now() + timedelta(seconds=after_s),
        published_at=None,
        publish_count=0,
        lease_until=None,
        error=reason[:ERROR_LENGTH],
        **also,
    )


def _update(lease: Lease, **values: Any) -> None:
    held = Job.objects.filter(pk=lease.job_id, state=State.RUNNING, lease_token=lease.token)
    if not held.update(**values):
        raise LeaseLost(lease.job_id)
