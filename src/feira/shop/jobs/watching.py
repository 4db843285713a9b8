"""Watching over a running job from a thread of its own: its lease is renewed, its limits are kept."""

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
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch-of-job-{lease.job_id}", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End watching."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        term_s = self._lease.seconds / 3
        look_every_s = self._limits.look_every_s
        renew_at, kill_at = time.monotonic() + term_s, float("inf")
        exceeded: LimitReached | None = None
        try:
            while not self._over.wait(min(term_s, look_every_s or term_s, max(renew_at - time.monotonic(), 0.0))):
                now = time.monotonic()
                if now >= renew_at:
                    renew_at = now + term_s
                    if not self._renew():
                        return
                if exceeded is None and (exceeded := self._limits.exceeded()):
                    kill_at = now + limits.GRACE_S
                    self._ask_to_stop(exceeded)
                if exceeded is not None and now >= kill_at and interrupter.is_installed:
                    logger.error("job_killed", reason=str(exceeded))
                    self._end_badly(exceeded)
        finally:
            connection.close()

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
