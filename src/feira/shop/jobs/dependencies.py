"""Jobs that wait for other jobs: what the end of one means for those after it.

`Job.unmet` counts the jobs a job waits for that have not succeeded, whatever state the job itself is in. It changes in
the transaction in which one of them succeeds, so it needs no recount: a job may run when it is zero.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from feira.shop.jobs import delivery, statements
from feira.shop.jobs.models import UNFINISHED, Dependency, Job, State

# SQLite takes only so many values in one statement.
MOST_NUMBERS = 500
REASON_LENGTH = 4000
# The worker that met the last dependency hands out this many; the reconciler has all the rest.
MOST_AT_ONCE = 200
BROKEN = (State.FAILED, State.CANCELLED)

Value = TypeVar("Value")


def link(job: Job, after: Collection[Job]) -> None:
    """Save a new job that waits for others, within the caller's transaction.

    When one of them has failed or was cancelled, the job is saved as failed for that reason.
    """
    # The lock makes each of them finish either before this look at its state, or after the dependency can be seen.
    earlier = [
        known
        for some in parts(sorted({known.pk for known in after}))
        for known in Job.objects.select_for_update().filter(pk__in=some).order_by("pk")
    ]
    job.unmet = sum(known.state != State.SUCCEEDED for known in earlier)
    broken = next((known for known in earlier if known.state in BROKEN), None)
    if broken is not None:
        cause = _cause_of(broken)
        job.state, job.failed_for, job.error, job.finished_at = State.FAILED, cause.pk, _reason(cause), timezone.now()
    job.save(force_insert=True)
    Dependency.objects.bulk_create([Dependency(job=job, on=known) for known in earlier])


def meet(job_id: int) -> None:
    """Note, in the transaction in which a job succeeds, that those after it wait for one job less.

    One indexed query finds that nothing waits for it.
    """
    # A statement of its own after the success was written: whoever links to the job was locked out by that, or has
    # committed before, and is seen only by a statement that begins later.
    numbers = statements.lock_dependants(job_id)
    for some in parts(numbers):
        Job.objects.filter(pk__in=some, unmet__gt=0).update(unmet=F("unmet") - 1)
    if numbers:
        transaction.on_commit(partial(_hand_out_dependants, job_id), robust=True)


def fail_dependants(job_id: int) -> int:
    """Fail whatever waits for a job that failed or was cancelled, directly or by others; return how many.

    One indexed query finds that nothing waits; else a few are needed for every step away from the cause.
    """
    step = _waiting_after([job_id])
    if not step:
        return 0
    cause = _cause_of(Job.objects.get(pk=job_id))
    failed = 0
    while step:
        for some in parts(step):
            failed += Job.objects.filter(pk__in=some, state=State.WAITING).update(
                state=State.FAILED, error=_reason(cause), failed_for=cause.pk, finished_at=timezone.now()
            )
        step = _waiting_after(step)
    return failed


def reopen_dependants(job_id: int) -> None:
    """Let jobs wait again that failed because of a job that is being retried.

    Those that also wait for another job that failed or was cancelled fail again, now because of that one. A job
    whose key a newer one has taken stays failed: the newer one does its work.
    """
    reopened = _free_to_wait(job_id)
    for some in parts(reopened):
        Job.objects.filter(pk__in=some, state=State.FAILED).update(
            state=State.WAITING, error="", failed_for=None, finished_at=None, is_counted=False
        )
    broken: set[int] = set()
    for some in parts(reopened):
        broken.update(Dependency.objects.filter(job__in=some, on__state__in=BROKEN).values_list("on_id", flat=True))
    for number in sorted(broken):
        fail_dependants(number)


def _free_to_wait(job_id: int) -> list[int]:
    failed = Job.objects.filter(failed_for=job_id, state=State.FAILED).order_by("pk")
    rows = list(failed.values_list("pk", "kind", "key"))
    newest = {(kind, key): number for number, kind, key in rows if key}
    taken: set[tuple[str, str]] = set()
    for some in parts(list(newest)):
        keys = [key for _kind, key in some]
        taken.update(Job.objects.filter(key__in=keys, state__in=UNFINISHED).values_list("kind", "key"))
    return [
        number for number, kind, key in rows if not key or (newest[kind, key] == number and (kind, key) not in taken)
    ]


def _hand_out_dependants(job_id: int) -> None:
    free = Job.objects.filter(dependencies__on=job_id, unmet=0, state=State.WAITING, run_after__lte=timezone.now())
    delivery.publish_some(list(free.order_by("pk").only("queue")[:MOST_AT_ONCE]))


def _waiting_after(job_ids: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for some in parts(job_ids):
        waiting = Dependency.objects.filter(on__in=some, job__state=State.WAITING)
        found.update(waiting.values_list("job_id", flat=True))
    return sorted(found)


def _cause_of(broken: Job) -> Job:
    """Return the job because of which this one failed, as long as that one is broken itself; else this one."""
    if broken.failed_for is None:
        return broken
    return Job.objects.filter(pk=broken.failed_for, state__in=BROKEN).first() or broken


def _reason(cause: Job) -> str:
    ended = "was cancelled" if cause.state == State.CANCELLED else "failed"
    why = f": {cause.error}" if cause.error else ""
    return f"It had to wait for job {cause.pk} ({cause.kind}), which {ended}{why}"[:REASON_LENGTH]


def parts(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield values in parts that fit into one statement."""
    for start in range(0, len(values), MOST_NUMBERS):
        yield values[start : start + MOST_NUMBERS]
