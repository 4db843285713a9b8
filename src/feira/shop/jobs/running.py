"""Running one job: claim it, show signs of life, keep its effects and its end together, or try again later."""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from secrets import token_hex
from typing import Any

import structlog
from django.db import connection, transaction

from feira.core.errors import FeiraError
from feira.shop.jobs import leases
from feira.shop.jobs.errors import GiveUp, LeaseLost, LimitReached, UnknownKind
from feira.shop.jobs.items import Items
from feira.shop.jobs.leases import Lease
from feira.shop.jobs.limits import interrupter
from feira.shop.jobs.lines import Lines
from feira.shop.jobs.models import PENDING, Job, Level, State
from feira.shop.jobs.patience import over_a_restart
from feira.shop.jobs.registry import Kind, get_kind
from feira.shop.jobs.watching import Watch

PROGRESS_EVERY_S = 0.25

logger = structlog.get_logger(__name__)


class RunningJob:
    """A job in the hands of its handler."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stopped: BaseException | None = None
        self._last_progress = 0.0
        self._committed = False
        self._items = Items(lease, self.check)
        self._lines = Lines(lease.job_id)

    @property
    def id(self) -> int:
        """The job's number in the ledger."""
        return self._lease.job_id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._lease.attempt

    @property
    def items(self) -> Items:
        """The job's items, for work on many like things."""
        return self._items

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the work is; call it as often as you like. A job with `items` need not: they are its progress.

        Written at most four times a second, except when all is done.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        self.check()
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

    @contextmanager
    def committing_items(self, names: Iterable[str]) -> Iterator[dict[str, Mapping[str, Any] | None]]:
        """Keep the effects written inside and the note that these items are done in one transaction, or neither.

        Yields a dict with every name, whose values, JSON or None, are kept as the items' results. The job goes on.

        Raises:
            ItemNotOpen: one was not planned, or is done already; nothing is kept.
            LeaseLost: the job was cancelled or taken over; nothing is kept, let it pass.
        """
        results: dict[str, Mapping[str, Any] | None] = dict.fromkeys(names)
        with transaction.atomic():
            yield results
            self._items.finish_many(results)

    @property
    def is_committed(self) -> bool:
        """Whether `committing()` has already ended the job."""
        return self._committed

    def log(self, text: str, level: str = "info") -> None:
        """Write a line for the people who watch the job.

        Args:
            text: cut to 1,000 characters. Of each job the newest thousand lines or so are kept.
            level: "info", "warning" or "error".
        """
        self._lines.write(text, Level(level))

    def check(self) -> None:
        """Raise what this attempt was told to stop for, if it was; costs nothing. `progress` and `items` call it.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
            LimitReached: the attempt takes longer or more memory than its kind may; let it pass.
        """
        if self._stopped is not None:
            raise self._stopped

    def stop(self, reason: BaseException) -> None:
        """Have the next `check` raise this; for whoever watches over the job."""
        self._stopped = reason


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
        leases.fail_unclaimed(job, error.message)
        logger.error("job_of_unknown_kind", job_id=job.pk, kind=job.kind)
        return State.FAILED
    lease = leases.claim(job, kind)
    return None if lease is None else _attempt(lease, kind, job.payload)


def run_first(job_id: int) -> State | None:
    """Run the job that goes first in the queue of this one, perhaps itself; None when none there may run.

    Looking and claiming is one statement. Raises as `run` does.
    """
    taken = leases.claim_first(job_id)
    if taken is None:
        return None
    claimed, lease = taken
    try:
        kind = get_kind(claimed.kind)
    except UnknownKind as error:
        with suppress(LeaseLost):
            leases.fail(lease, error.message)
        logger.error("job_of_unknown_kind", job_id=claimed.job_id, kind=claimed.kind)
        return State.FAILED
    return _attempt(lease, kind, claimed.payload)


def _attempt(lease: Lease, kind: Kind, payload: dict[str, Any]) -> State | None:
    with structlog.contextvars.bound_contextvars(job_id=lease.job_id, kind=kind.name, attempt=lease.attempt):
        return _attempt_in_context(lease, kind, payload)


def _attempt_in_context(lease: Lease, kind: Kind, payload: dict[str, Any]) -> State | None:
    running = RunningJob(lease)
    ending = _Ending(lease, kind)
    try:
        with Watch(lease, kind, stop=running.stop, note_end=ending.try_again), interrupter.open():
            result = kind.run(running, **payload)
        if not running.is_committed:
            leases.succeed(lease, result)
        elif result is not None:
            leases.add_result(lease, result)
    except LeaseLost:
        logger.warning("job_lease_lost")
        return None
    except GiveUp as error:
        return ending.fail(error.message)
    except (SystemExit, KeyboardInterrupt):
        ending.give_back()
        raise
    except (LimitReached, Exception) as error:
        if running.is_committed:
            # The job is done and noted as done; what its handler did afterwards cannot undo that.
            logger.exception("job_failed_after_its_end")
            return State.SUCCEEDED
        return _after_failure(error, lease, ending)
    return State.SUCCEEDED


def _after_failure(error: BaseException, lease: Lease, ending: "_Ending") -> State | None:
    if isinstance(error, LimitReached):
        if not connection.in_atomic_block:
            # The handler was interrupted anywhere, perhaps between two words to the database.
            connection.close()
        logger.warning("job_exceeded_a_limit", reason=str(error))
        return ending.try_again(str(error))
    reason = _describe(error)
    # Whoever reads the job's page and whoever reads the log can find each other's side by this word.
    reference = "" if isinstance(error, FeiraError) else token_hex(4)
    if lease.attempt >= lease.max_attempts:
        logger.error("job_failed", reference=reference, exc_info=error)
    else:
        logger.warning("job_attempt_failed", reason=reason, reference=reference)
    return ending.try_again(reason, reference=reference)


class _Ending:
    """Ends one attempt in the ledger and in the job's own lines, as long as the job is still ours."""

    def __init__(self, lease: Lease, kind: Kind) -> None:
        self._lease, self._kind = lease, kind

    def try_again(self, reason: str, *, reference: str = "") -> State | None:
        """Have the job tried again after a wait, or fail it when this was its last attempt."""
        lease = self._lease
        if lease.attempt >= lease.max_attempts:
            return self.fail(f"{reason} (attempt {lease.attempt} of {lease.max_attempts})", reference=reference)
        move = partial(leases.retry_later, lease, self._kind, reason, reference=reference)
        return self._end_patiently(State.WAITING, move, f"Attempt {lease.attempt} failed: {reason}", Level.WARNING)

    def fail(self, reason: str, *, reference: str = "") -> State | None:
        """Fail the job for good."""
        return self._end_patiently(
            State.FAILED, partial(leases.fail, self._lease, reason, reference=reference), reason, Level.ERROR
        )

    def give_back(self) -> None:
        """Return the job unharmed."""
        reason = "The worker had to stop."
        self._end(State.WAITING, partial(leases.give_back, self._lease, reason), reason, Level.INFO)

    def _end_patiently(self, state: State, move: Callable[[], None], line: str, level: Level) -> State | None:
        """End the attempt, also when it failed because the database went away: then wait until it is back."""
        return over_a_restart(lambda: self._end(state, move, line, level))

    def _end(self, state: State, move: Callable[[], None], line: str, level: Level) -> State | None:
        try:
            with transaction.atomic():
                move()
                Lines(self._lease.job_id).write(line, level)
        except LeaseLost:
            logger.warning("job_lease_lost")
            return None
        return state


def _describe(error: BaseException) -> str:
    """Return one line that says what went wrong and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" [{frames[-1].filename.rpartition('/src/')[2]}:{frames[-1].lineno}]" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
