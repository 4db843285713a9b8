"""What the shop does about work: ask for it, call it off, hand it out again, do it here and now."""

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from feira.shop.jobs import delivery, dependencies, leases, running, selectors, tallies
from feira.shop.jobs.errors import BadPayload, CannotRetry
from feira.shop.jobs.models import FINISHED, PENDING, UNFINISHED, Job, Priority, State, Worker
from feira.shop.jobs.owners import is_surely_gone
from feira.shop.jobs.registry import get_kind, subscribers_of

MOST_PER_PASS = 500
KEEP_FINISHED = timedelta(days=30)


def submit(
    kind: str,
    payload: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    run_after: datetime | None = None,
    requested_by: int | None = None,
    parent: Job | None = None,
    after: Collection[Job] = (),
    priority: Priority | None = None,
) -> Job:
    """Ask for work, as part of the caller's transaction: if that is rolled back, nothing was asked.

    Args:
        kind: a registered name.
        payload: the handler's parameters; kept as JSON.
        key: while an unfinished job of this kind has this key, that one is returned and none is added.
        run_after: not before this time.
        requested_by: number of the account that asked.
        parent: the job on whose behalf this one is done.
        after: jobs that have to succeed before this one is run. As soon as one of them has failed or was cancelled
            for good, this one ends as failed and its error names that job; a retry of that job lets this one wait
            again. A job that is returned because of its key keeps waiting for what it waited for.
        priority: which of the jobs of its queue go first; that of the kind when None.

    Raises:
        UnknownKind: no installed app registers the kind.
        BadPayload: the payload is not JSON, or not what the handler takes.
    """
    registered = get_kind(kind)
    payload = payload or {}
    registered.check(payload)
    try:
        json.dumps(payload)
    except (TypeError, ValueError) as error:
        raise BadPayload(
            f"The payload of {kind!r} cannot be kept as JSON: {error}. Pass numbers of rows, not the rows.", kind=kind
        ) from error
    job = Job(
        kind=kind,
        payload=payload,
        queue=registered.queue,
        priority=registered.priority if priority is None else priority,
        key=key or "",
        max_attempts=registered.max_attempts,
        requested_by=requested_by,
        parent=parent,
    )
    if run_after is not None:
        job.run_after = run_after
    if not key and not after:
        job.save(force_insert=True)
    else:
        with transaction.atomic():
            if not key:
                dependencies.link(job, after)
            elif existing := _insert_unless_known(job, after):
                return existing
    if job.unmet == 0 and job.run_after <= timezone.now():
        delivery.publish_on_commit(job)
    return job


def announce(
    event: str, payload: dict[str, Any] | None = None, *, key: str | None = None, run_after: datetime | None = None
) -> list[Job]:
    """Submit one job for each kind that subscribes to the event; none is fine. The rest is as for `submit`."""
    return [submit(kind, payload, key=key, run_after=run_after) for kind in subscribers_of(event)]


def cancel(job: Job) -> bool:
    """Call a job off, and fail those that wait for it; False when it is finished already.

    A running one stops between two items, or at its next sign of progress.
    """
    return leases.cancel(job.pk)


def retry(job: Job) -> Job:
    """Open a failed or cancelled job again, with all its attempts, and return the job that was opened.

    Its items that are done stay done. Jobs that failed because of it wait for it again. A job that itself failed only
    because of another is opened by opening that other one, which is then returned.

    Raises:
        CannotRetry: the job neither failed nor was cancelled, or another one has taken its key or its place.
    """
    with transaction.atomic():
        opened = _to_open(job)
        try:
            with transaction.atomic():
                if not leases.retry(opened.pk):
                    raise CannotRetry(
                        f"Job {opened.pk} is {opened.get_state_display()}. Only a job that failed or was cancelled "
                        "can be retried.",
                        job_id=opened.pk,
                    )
        except IntegrityError as error:
            newer = selectors.unfinished_job(opened.kind, opened.key)
            named = f"Job {newer.pk}" if newer else "Another job"
            raise CannotRetry(
                f"{named} does the same work already and is not finished. Wait for it, or cancel it first.",
                job_id=opened.pk,
            ) from error
        opened.refresh_from_db()
        if opened.unmet == 0:
            delivery.publish_on_commit(opened)
    return opened


def _to_open(job: Job) -> Job:
    current = Job.objects.get(pk=job.pk)
    if current.state != State.FAILED or current.failed_for is None:
        return current
    cause = Job.objects.filter(pk=current.failed_for).first()
    if cause is None:
        raise CannotRetry(
            f"Job {current.failed_for}, for which job {current.pk} had to wait, is forgotten. Ask for the work anew.",
            job_id=current.pk,
        )
    return cause


def run_until_idle(queues: Collection[str] | None = None) -> int:
    """Run every due job of these queues (of all when None) in this process; return how many attempts were made.

    Jobs that become due while others run are run too; retries that have to wait are left. No broker and no worker
    is needed: for tests and for commands on a shop that is not running.
    """
    attempts = 0
    refused: set[int] = set()
    while True:
        due = Job.objects.filter(unmet=0, state__in=PENDING, run_after__lte=timezone.now()).exclude(pk__in=refused)
        if queues is not None:
            due = due.filter(queue__in=queues)
        job_id = due.order_by("priority", "run_after", "pk").values_list("pk", flat=True).first()
        if job_id is None:
            return attempts
        if running.run(job_id) is None:
            refused.add(job_id)
        else:
            attempts += 1


@dataclass(frozen=True)
class Reconciled:
    """What one pass of the reconciler set right."""

    taken_back: int = 0
    failed: int = 0
    published: int = 0


def reconcile() -> Reconciled:
    """Take back jobs whose worker is gone, and hand out what was never handed out or never picked up.

    Safe to run anywhere, any number at a time.
    """
    taken_back, failed = _take_back_from_the_dead()
    return Reconciled(taken_back=taken_back, failed=failed, published=delivery.publish_due())


def workers_alive() -> int:
    """Return how many worker processes have shown themselves lately and are not known to be dead."""
    return len(selectors.workers_there(now=timezone.now()))


def forget_old_work(keep: timedelta = KEEP_FINISHED) -> int:
    """Delete jobs that finished longer ago than `keep`, and workers not seen for a day; return the number of jobs."""
    now = timezone.now()
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    old = Job.objects.filter(state__in=FINISHED, finished_at__lt=now - keep)
    # A parent takes its children along, so it has to wait for them; and what waits for a job still names it.
    needed = Q(children__state__in=UNFINISHED) | Q(dependants__job__state__in=UNFINISHED)
    _rows, by_model = old.exclude(needed).delete()
    return by_model.get("jobs.Job", 0)


def _insert_unless_known(job: Job, after: Collection[Job]) -> Job | None:
    """Insert a job with a key; return the unfinished one that has the key already, if there is one."""
    for _again in range(3):
        if existing := selectors.unfinished_job(job.kind, job.key):
            return existing
        try:
            with transaction.atomic():
                dependencies.link(job, after)
        except IntegrityError:
            # Somebody else was faster; theirs is found now, unless it has finished already.
            continue
        return None
    dependencies.link(job, after)
    return None


def _take_back_from_the_dead() -> tuple[int, int]:
    now = timezone.now()
    running_jobs = Job.objects.filter(state=State.RUNNING)
    gone = [owner for owner in running_jobs.values_list("lease_owner", flat=True).distinct() if is_surely_gone(owner)]
    taken_back = failed = 0
    lost_by_kind: Counter[tuple[str, str]] = Counter()
    for lost in (running_jobs.filter(lease_until__lt=now), running_jobs.filter(lease_owner__in=gone)):
        for job in lost.only("kind", "attempts", "max_attempts", "lease_token", "lease_owner", "lease_until")[
            :MOST_PER_PASS
        ]:
            if job.attempts >= job.max_attempts:
                reason = f"Its worker ({job.lease_owner}) died or fell silent at attempt {job.attempts}, the last."
                moved = leases.fail_lost(job, reason)
                failed += moved
            else:
                reason = f"The worker of attempt {job.attempts} died or fell silent."
                moved = leases.take_back(job, reason)
                taken_back += moved
            lost_by_kind[job.kind, tallies.LEASE_LOST] += moved
    tallies.add(+lost_by_kind)
    return taken_back, failed
