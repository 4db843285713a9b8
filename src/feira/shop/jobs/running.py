"""Running one job: claim it, show signs of life, keep its effects and its end together, or try again later."""

import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from feira.shop.jobs import leases
from feira.shop.jobs.errors import GiveUp, LeaseLost, UnknownKind
from feira.shop.jobs.leases import Lease
from feira.shop.jobs.models import PENDING, Job, State
from feira.shop.jobs.registry import Kind, get_kind

PROGRESS_EVERY_S = 0.25

logger = structlog.get_logger(__name__)


class RunningJob:
    """A job in the hands of its handler."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._lost = threading.Event()
        self._last_progress = 0.0
        self._committed = False

    @property
    def id(self) -> int:
        """The job's number in the ledger."""
        return self._lease.job_id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._lease.attempt

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the work is; call it between items, as often as you like.

        Written at most four times a second, except for the last item.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        if self._lost.is_set():
            raise LeaseLost(self.id)
        now = time.monotonic()
        if done < total and now - self._last_progress < PROGRESS_EVERY_S:
            return
        self._last_progress = now
        leases.note_progress(self._lease, done, total, message)

    @contextmanager
    def committing(self) -> Iterator[dict[str, Any]]:
        """Keep the effects written inside and the job's success in one transaction, or neither.

        Yields a dict that is kept as the job's result. When this worker's lease was taken meanwhile, everything
        inside is rolled back: each job has its effects once, however often it ran.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        result: dict[str, Any] = {}
        with transaction.atomic():
            yield result
            leases.succeed(self._lease, result or None)
        self._committed = True

    @property
    def is_committed(self) -> bool:
        """Whether `committing()` has already ended the job."""
        return self._committed

    def lose(self) -> None:
        """Note that the lease is gone, so that the next call of `progress` says so."""
        self._lost.set()


def run(job_id: int) -> State | None:
    """Run one job if it is due and free; return where it stands afterwards, or None when it was not ours to run.

    Never raises for a failing handler: the reason goes into the ledger. Errors of the database do pass.
    """
    job = Job.objects.filter(pk=job_id).first()
    if job is None or job.state not in PENDING:
        # A second message about the same job, or one that outlived it.
        return None
    try:
        kind = get_kind(job.kind)
    except UnknownKind as error:
        Job.objects.filter(pk=job.pk, state__in=PENDING).update(
            state=State.FAILED, error=error.message, finished_at=timezone.now()
        )
        logger.error("job_of_unknown_kind", job_id=job.pk, kind=job.kind)
        return State.FAILED
    lease = leases.claim(job, kind)
    if lease is None:
        return None
    with structlog.contextvars.bound_contextvars(job_id=job.pk, kind=kind.name, attempt=lease.attempt):
        return _attempt(lease, kind, job.payload)


def _attempt(lease: Lease, kind: Kind, payload: dict[str, Any]) -> State | None:
    running = RunningJob(lease)
    try:
        with _signs_of_life(running, lease):
            result = kind.run(running, **payload)
        if not running.is_committed:
            leases.succeed(lease, result)
        elif result is not None:
            leases.add_result(lease, result)
    except LeaseLost:
        logger.warning("job_lease_lost")
        return None
    except GiveUp as error:
        return _end_badly(lease, error.message)
    except (SystemExit, KeyboardInterrupt):
        _unless_lost(leases.give_back, lease, "The worker had to stop.")
        raise
    except Exception as error:
        reason = _describe(error)
        if running.is_committed:
            # The job is done and noted as done; what its handler did afterwards cannot undo that.
            logger.exception("job_failed_after_its_end")
            return State.SUCCEEDED
        if lease.attempt >= lease.max_attempts:
            logger.exception("job_failed")
            return _end_badly(lease, f"{reason} (attempt {lease.attempt} of {lease.max_attempts})")
        logger.warning("job_attempt_failed", reason=reason)
        return State.WAITING if _unless_lost(leases.retry_later, lease, kind, reason) else None
    return State.SUCCEEDED


def _end_badly(lease: Lease, reason: str) -> State | None:
    return State.FAILED if _unless_lost(leases.fail, lease, reason) else None


def _unless_lost(move: Any, *arguments: Any) -> bool:
    try:
        move(*arguments)
    except LeaseLost:
        logger.warning("job_lease_lost")
        return False
    return True


def _describe(error: Exception) -> str:
    """Return one line that says what went wrong and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" [{frames[-1].filename.rpartition('/src/')[2]}:{frames[-1].lineno}]" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


@contextmanager
def _signs_of_life(running: RunningJob, lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread of its own, three times per term, while the block runs."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(lease.seconds / 3):
                try:
                    leases.renew(lease)
                except LeaseLost:
                    running.lose()
                    return
                except DatabaseError as error:
                    # Busy or away for a moment: two more tries fit into the term.
                    logger.warning("job_lease_not_renewed", reason=str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"lease-of-job-{lease.job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
