"""Moves of one job in the ledger, each a single conditional UPDATE, so that two workers can never both make it.

The database decides who wins, on SQLite and PostgreSQL alike; no row is locked between two statements.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from feira.shop.jobs import dependencies, statements
from feira.shop.jobs.errors import LeaseLost
from feira.shop.jobs.lines import Lines
from feira.shop.jobs.models import PENDING, UNFINISHED, Dependency, Job, Level, State
from feira.shop.jobs.owners import this_process
from feira.shop.jobs.registry import USUAL_LEASE_S, Kind, unusual_leases
from feira.shop.jobs.statements import Claimed

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
    due = Job.objects.filter(pk=job.pk, state__in=PENDING, unmet=0, run_after__lte=now, attempts=job.attempts)
    taken = due.update(
        state=State.RUNNING,
        attempts=job.attempts + 1,
        lease_token=token,
        lease_owner=this_process(),
        lease_until=now + timedelta(seconds=kind.lease_s),
        started_at=now,
    )
    return Lease(job.pk, token, job.attempts + 1, job.max_attempts, kind.lease_s) if taken else None


def claim_first(job_id: int) -> tuple[Claimed, Lease] | None:
    """Take the due job that goes first in the queue of this one, which may be itself; None when there is none to take.

    A job whose kind is not known here has a lease of the usual length.
    """
    token = token_hex(16)
    claimed = statements.claim_first(job_id, token=token, owner=this_process(), now=timezone.now())
    if claimed is None:
        # It may have waited for its turn to write, while a newer message took the job that this one was about. What
        # that newer message was about is left, but was not due at the moment before the wait.
        claimed = statements.claim_first(job_id, token=token, owner=this_process(), now=timezone.now())
    if claimed is None:
        return None
    seconds = unusual_leases().get(claimed.kind, USUAL_LEASE_S)
    return claimed, Lease(claimed.job_id, token, claimed.attempt, claimed.max_attempts, seconds)


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


def set_progress(lease: Lease, done: int, total: int) -> None:
    """Write down how many of the items are done, and leave the message.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    _update(lease, progress_done=done, progress_total=total)


def count_items(lease: Lease, done: int) -> None:
    """Add finished items to the progress; inside a transaction, what else it holds is kept only if this succeeds.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    until = timezone.now() + timedelta(seconds=lease.seconds)
    _update(lease, progress_done=F("progress_done") + done, lease_until=until)


def succeed(lease: Lease, result: Mapping[str, Any] | None) -> None:
    """End the job well, and let the jobs go on that wait for it.

    Raises:
        LeaseLost: the job is in other hands or cancelled; a transaction around this must be rolled back.
    """
    with transaction.atomic(savepoint=False):
        if not statements.succeed(lease.job_id, lease.token, result, timezone.now()):
            raise LeaseLost(lease.job_id)
        dependencies.meet(lease.job_id)


def add_result(lease: Lease, result: Mapping[str, Any]) -> None:
    """Keep what a handler returned after it had already ended its job."""
    Job.objects.filter(pk=lease.job_id, state=State.SUCCEEDED, lease_token=lease.token).update(result=result)


def fail(lease: Lease, reason: str, *, reference: str = "") -> None:
    """End the job badly, for good, and with it the jobs that wait for it.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    with transaction.atomic():
        _update(
            lease,
            state=State.FAILED,
            error=reason[:ERROR_LENGTH],
            reference=reference,
            finished_at=timezone.now(),
            lease_until=None,
        )
        dependencies.fail_dependants(lease.job_id)


def retry_later(lease: Lease, kind: Kind, reason: str, *, reference: str = "") -> None:
    """Give the job back for a further attempt after a wait that doubles each time, half of it by chance.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    # The exponent is capped because 2**1000 is no float, and some kinds never stop trying.
    wait_s = min(kind.backoff_s * 2 ** min(lease.attempt - 1, 30), kind.max_backoff_s)
    _give_back(lease, reason, after_s=wait_s * random.uniform(0.5, 1.0), reference=reference)


def give_back(lease: Lease, reason: str) -> None:
    """Return a job unharmed, at once, because its worker has to stop; the attempt does not count.

    Raises:
        LeaseLost: the job is in other hands or cancelled.
    """
    _give_back(lease, reason, after_s=0.0, attempts=lease.attempt - 1)


def fail_unclaimed(job: Job, reason: str) -> None:
    """End a job badly that nobody can run, and with it the jobs that wait for it."""
    with transaction.atomic():
        failed = Job.objects.filter(pk=job.pk, state__in=PENDING).update(
            state=State.FAILED, error=reason[:ERROR_LENGTH], finished_at=timezone.now()
        )
        if failed:
            dependencies.fail_dependants(job.pk)


def fail_lost(job: Job, reason: str) -> bool:
    """End a running job badly whose worker is gone, unless that worker has just shown itself after all."""
    with transaction.atomic():
        failed = _still_in_its_hands(job).update(
            state=State.FAILED, error=reason, finished_at=timezone.now(), lease_until=None
        )
        if failed:
            Lines(job.pk).write(reason, Level.ERROR)
            dependencies.fail_dependants(job.pk)
    return bool(failed)


def take_back(job: Job, reason: str) -> bool:
    """Let a running job be tried again whose worker is gone, unless that worker has just shown itself after all."""
    with transaction.atomic():
        taken = _still_in_its_hands(job).update(
            state=State.WAITING,
            run_after=timezone.now(),
            published_at=None,
            publish_count=0,
            lease_token="",
            lease_until=None,
            error=reason,
        )
        if taken:
            Lines(job.pk).write(reason, Level.WARNING)
    return bool(taken)


def _still_in_its_hands(job: Job) -> QuerySet[Job]:
    # By token and time: a worker that shows itself right now keeps or loses the job, never half of it.
    return Job.objects.filter(pk=job.pk, state=State.RUNNING, lease_token=job.lease_token, lease_until=job.lease_until)


def retry(job_id: int) -> bool:
    """Open a failed or cancelled job again, with all its attempts, or return False when it is neither.

    Jobs that failed because of it wait again.
    """
    with transaction.atomic():
        opened = Job.objects.filter(pk=job_id, state__in=(State.FAILED, State.CANCELLED)).update(
            state=State.WAITING,
            attempts=0,
            run_after=timezone.now(),
            published_at=None,
            publish_count=0,
            lease_token="",
            lease_until=None,
            error="",
            reference="",
            failed_for=None,
            finished_at=None,
            is_counted=False,
        )
        if opened:
            dependencies.reopen_dependants(job_id)
    return bool(opened)


def cancel(job_id: int) -> bool:
    """Stop a job for good, or return False when it is finished already.

    A running one is fenced off: its next sign of life fails, and what it does until then is not kept. Jobs that wait
    for it fail.
    """
    with transaction.atomic():
        cancelled = Job.objects.filter(pk=job_id, state__in=UNFINISHED).update(
            state=State.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None
        )
        if cancelled:
            dependencies.fail_dependants(job_id)
    return bool(cancelled)


def cancel_many(job_ids: Sequence[int]) -> int:
    """Stop jobs for good as `cancel` does, those among them that have not finished; return how many that were.

    Those that wait for others come last: one behind a job that is stopped here fails because of it, and comes back with
    it. The others cost a few queries, however many they are.
    """
    bound: set[int] = set()
    cancelled = 0
    with transaction.atomic():
        for some in dependencies.parts(job_ids):
            waiting = Dependency.objects.filter(job__in=some, job__state__in=UNFINISHED)
            bound.update(waiting.values_list("job_id", flat=True))
        for some in dependencies.parts([number for number in job_ids if number not in bound]):
            cancelled += Job.objects.filter(pk__in=some, state__in=UNFINISHED).update(
                state=State.CANCELLED, finished_at=timezone.now(), lease_token="", lease_until=None
            )
            behind = Dependency.objects.filter(on__in=some, on__state=State.CANCELLED, job__state=State.WAITING)
            for number in sorted(set(behind.values_list("on_id", flat=True))):
                dependencies.fail_dependants(number)
        for number in sorted(bound):
            cancelled += cancel(number)
    return cancelled


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
