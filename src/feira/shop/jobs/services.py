"""What the shop does about work: ask for it, call it off, hand it out again, do it here and now."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from feira.shop.jobs import delivery, leases, running, selectors
from feira.shop.jobs.errors import BadPayload
from feira.shop.jobs.models import FINISHED, PENDING, UNFINISHED, Job, State, Worker
from feira.shop.jobs.owners import is_surely_gone
from feira.shop.jobs.registry import get_kind, subscribers_of

MOST_PER_PASS = 500
WORKER_SILENCE_S = 20.0
KEEP_FINISHED = timedelta(days=30)


def submit(
    kind: str,
    payload: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    run_after: datetime | None = None,
    requested_by: int | None = None,
    parent: Job | None = None,
) -> Job:
    """Ask for work, as part of the caller's transaction: if that is rolled back, nothing was asked.

    Args:
        kind: a registered name.
        payload: the handler's parameters; kept as JSON.
        key: while an unfinished job of this kind has this key, that one is returned and none is added.
        run_after: not before this time.
        requested_by: number of the account that asked.
        parent: the job on whose behalf this one is done.

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
        key=key or "",
        max_attempts=registered.max_attempts,
        requested_by=requested_by,
        parent=parent,
    )
    if run_after is not None:
        job.run_after = run_after
    if not key:
        job.save(force_insert=True)
    elif existing := _insert_unless_known(job):
        return existing
    if job.run_after <= timezone.now():
        transaction.on_commit(partial(delivery.publish_new, job.pk, job.queue), robust=True)
    return job


def announce(event: str, payload: dict[str, Any] | None = None) -> list[Job]:
    """Submit one job for each kind that subscribes to the event; none is fine."""
    return [submit(kind, payload) for kind in subscribers_of(event)]


def cancel(job: Job) -> bool:
    """Call a job off; a running one stops at its next sign of progress. False when it is finished already."""
    return leases.cancel(job.pk)


def run_until_idle(queues: Collection[str] | None = None) -> int:
    """Run every due job of these queues (of all when None) in this process; return how many attempts were made.

    Jobs that become due while others run are run too; retries that have to wait are left. No broker and no worker
    is needed: for tests and for commands on a shop that is not running.
    """
    attempts = 0
    refused: set[int] = set()
    while True:
        due = Job.objects.filter(state__in=PENDING, run_after__lte=timezone.now()).exclude(pk__in=refused)
        if queues is not None:
            due = due.filter(queue__in=queues)
        job_id = due.order_by("run_after", "pk").values_list("pk", flat=True).first()
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
    seen = Worker.objects.filter(seen_at__gt=timezone.now() - timedelta(seconds=WORKER_SILENCE_S))
    return sum(not is_surely_gone(owner) for owner in seen.values_list("owner", flat=True))


def forget_old_work(keep: timedelta = KEEP_FINISHED) -> int:
    """Delete jobs that finished longer ago than `keep`, and workers not seen for a day; return the number of jobs."""
    now = timezone.now()
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    old = Job.objects.filter(state__in=FINISHED, finished_at__lt=now - keep)
    # A parent takes its children along, so it has to wait for them.
    forgotten, _rows = old.exclude(children__state__in=UNFINISHED).delete()
    return forgotten


def _insert_unless_known(job: Job) -> Job | None:
    """Insert a job with a key; return the unfinished one that has the key already, if there is one."""
    for _again in range(3):
        if existing := selectors.unfinished_job(job.kind, job.key):
            return existing
        try:
            with transaction.atomic():
                job.save(force_insert=True)
        except IntegrityError:
            # Somebody else was faster; theirs is found now, unless it has finished already.
            continue
        return None
    job.save(force_insert=True)
    return None


def _take_back_from_the_dead() -> tuple[int, int]:
    now = timezone.now()
    running_jobs = Job.objects.filter(state=State.RUNNING)
    gone = [owner for owner in running_jobs.values_list("lease_owner", flat=True).distinct() if is_surely_gone(owner)]
    taken_back = failed = 0
    for lost in (running_jobs.filter(lease_until__lt=now), running_jobs.filter(lease_owner__in=gone)):
        for job in lost.only("pk", "attempts", "max_attempts", "lease_token", "lease_owner")[:MOST_PER_PASS]:
            # By the token: a worker that shows itself right now keeps or loses the job, never half of it.
            same = Job.objects.filter(pk=job.pk, state=State.RUNNING, lease_token=job.lease_token)
            if job.attempts >= job.max_attempts:
                reason = f"Its worker ({job.lease_owner}) died or fell silent at attempt {job.attempts}, the last."
                failed += same.update(state=State.FAILED, error=reason, finished_at=now, lease_until=None)
            else:
                taken_back += same.update(
                    state=State.WAITING,
                    run_after=now,
                    published_at=None,
                    publish_count=0,
                    lease_token="",
                    lease_until=None,
                    error=f"The worker of attempt {job.attempts} died or fell silent.",
                )
    return taken_back, failed
