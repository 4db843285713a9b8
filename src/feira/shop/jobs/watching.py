"""Watching over running jobs from a thread: their leases are renewed, their limits are kept.

One thread per process watches over all of them. To start one for every job would take longer than many a job does.
"""

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from django.db import DatabaseError, connection

from feira.shop.jobs import leases, limits
from feira.shop.jobs.errors import LeaseLost, LimitReached
from feira.shop.jobs.leases import Lease
from feira.shop.jobs.limits import Limits, interrupter
from feira.shop.jobs.registry import Kind

# The thread looks up this often though nothing is due: then it need not be woken for a job that is due later.
LOOK_UP_EVERY_S = 2.0
NEVER = float("inf")

logger = structlog.get_logger(__name__)


class Watch:
    """Watches while its block runs.

    Args:
        lease: renewed three times per term.
        kind: has the limits.
        stop: told, with the reason, when the lease is lost or a limit exceeded.
        note_end: writes an attempt's end into the ledger before its process is killed.
    """

    def __init__(
        self,
        lease: Lease,
        kind: Kind,
        *,
        stop: Callable[[BaseException], None],
        note_end: Callable[[str], object],
    ) -> None:
        self._lease, self._limits = lease, Limits(kind)
        self._stop, self._note_end = stop, note_end
        self._exceeded: LimitReached | None = None
        self._kill_at = NEVER
        # Held while something is done about the job, which must not go on after its end.
        self._doing = threading.Lock()
        self._is_over = False

    def __enter__(self) -> Self:
        """Begin to watch."""
        now = time.monotonic()
        self._renew_at = now + self._lease.seconds / 3
        self.due_at = self._next(now)
        _watchman.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End watching; when this returns, nothing is being done about the job any more."""
        with self._doing:
            self._is_over = True
        _watchman.end(self)

    def look(self) -> bool:
        """Do what is due; return whether it used the database."""
        with self._doing:
            if self._is_over:
                return False
            now = time.monotonic()
            used_database = now >= self._renew_at
            if used_database:
                self._renew_at = now + self._lease.seconds / 3
                if not self._renew():
                    self.due_at = NEVER
                    return True
            if self._exceeded is None and (exceeded := self._limits.exceeded()):
                self._exceeded, self._kill_at = exceeded, now + limits.GRACE_S
                self._ask_to_stop(exceeded)
            if self._exceeded is not None and now >= self._kill_at and interrupter.is_installed:
                self._end_badly(self._exceeded)
            self.due_at = self._next(now)
            return used_database

    def _next(self, now: float) -> float:
        look_every_s = self._limits.look_every_s
        return self._renew_at if look_every_s is None else min(self._renew_at, now + look_every_s)

    def _renew(self) -> bool:
        try:
            leases.renew(self._lease)
        except LeaseLost as error:
            self._stop(error)
            return False
        except DatabaseError as error:
            # Busy or away for a moment: two more tries fit into the term, over a connection that is not broken.
            connection.close()
            logger.warning("job_lease_not_renewed", reason=str(error))
        return True

    def _end_badly(self, exceeded: LimitReached) -> None:
        logger.error("job_killed", reason=str(exceeded))
        try:
            self._note_end(f"{exceeded} It did not stop when asked to, and was killed.")
        except DatabaseError as error:
            # Held by the job itself, perhaps. The reconciler will note that the process is gone.
            logger.warning("job_end_not_noted", reason=str(error))
        limits.end_this_process()

    def _ask_to_stop(self, exceeded: LimitReached) -> None:
        self._stop(exceeded)
        if interrupter.is_installed:
            interrupter.interrupt(exceeded)


class _Watchman:
    """The thread that looks after all watches of a process, asleep while there are none."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._news = threading.Condition()
        self._looks_at = NEVER
        self._thread: threading.Thread | None = None

    def begin(self, watch: Watch) -> None:
        """Look after a job, too."""
        with self._news:
            self._watches.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_after_all, name="watch-of-jobs", daemon=True)
                self._thread.start()
            elif watch.due_at < self._looks_at:
                self._news.notify()

    def end(self, watch: Watch) -> None:
        """Look after a job no more."""
        with self._news:
            self._watches.discard(watch)

    def _look_after_all(self) -> None:
        while True:
            with self._news:
                now = time.monotonic()
                due = [watch for watch in self._watches if watch.due_at <= now]
                if not due:
                    self._sleep(now)
                    continue
            # One after the other: a process of a worker runs one job at a time.
            for watch in due:
                self._look_after(watch)

    def _look_after(self, watch: Watch) -> None:
        used_database = True
        try:
            used_database = watch.look()
        except Exception:
            # What goes wrong with one job must not leave the next ones without anybody who renews their leases.
            logger.exception("job_watch_failed")
            watch.due_at = time.monotonic() + LOOK_UP_EVERY_S
        finally:
            if used_database:
                connection.close()

    def _sleep(self, now: float) -> None:
        """Wait until something is due, or a job begins for which something is due earlier than that."""
        if self._watches:
            self._looks_at = min(now + LOOK_UP_EVERY_S, *(watch.due_at for watch in self._watches))
            self._news.wait(self._looks_at - now)
        else:
            self._looks_at = NEVER
            self._news.wait()


_watchman = _Watchman()


def _begin_anew() -> None:
    """Let a child that was forked have a thread of its own: it has inherited the news of one, but not the thread."""
    global _watchman  # noqa: PLW0603 - one per process
    _watchman = _Watchman()


os.register_at_fork(after_in_child=_begin_anew)
