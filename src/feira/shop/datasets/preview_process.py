"""The process in which a web process has previews rendered: one, bounded in time, memory and how many ask at once."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from threading import BoundedSemaphore, Lock, Timer
from typing import Final

from django.utils.translation import gettext as _

from feira.core.augment.pool import RenderOutcome, RenderPool, RenderTask
from feira.core.images.limits import IntakeLimits
from feira.shop.datasets.errors import PreviewBusy, PreviewTooHeavy

# Of each picture. The photos are small renditions, so that the recipe alone can come to these limits.
LIMITS: Final = IntakeLimits(max_bytes=5_000_000, max_pixels=4_000_000, timeout_s=5.0, memory_bytes=800_000_000)
AT_ONCE: Final = 2
TOTAL_S: Final = 15.0
IDLE_S: Final = 60.0
_TOO_MUCH: Final = frozenset({"took_too_long", "too_much_memory"})


class PreviewProcess:
    """Renders pictures in a child that is started when first needed and ended when nobody has asked for a while.

    Args:
        limits: of each picture.
        total_s: of everything that one `pictures` asks for.
        at_once: how many may be in `pictures`; the next one is told to come again.
    """

    def __init__(
        self,
        limits: IntakeLimits = LIMITS,
        *,
        total_s: float = TOTAL_S,
        at_once: int = AT_ONCE,
        idle_s: float = IDLE_S,
    ) -> None:
        self._pool = RenderPool(1, limits)
        self._turns = BoundedSemaphore(at_once)
        self._total_s, self._idle_s = total_s, idle_s
        self._lock = Lock()
        self._rest: Timer | None = None

    def pictures(self, tasks: Iterable[RenderTask]) -> list[RenderOutcome]:
        """Return what became of each task, in their order.

        Raises:
            PreviewBusy: others are at it.
            PreviewTooHeavy: a picture, or all together, take more time or memory than a preview may.
            SandboxUnavailableError: the process does not start.
        """
        if not self._turns.acquire(blocking=False):
            raise PreviewBusy(_("Others are looking at previews right now. Try again in a few seconds."))
        try:
            self._stay()
            return list(self._rendered(tasks))
        finally:
            self._turns.release()
            self._leave_when_idle()

    def close(self) -> None:
        """End the process; the next call starts another."""
        self._stay()
        self._pool.close()

    def _rendered(self, tasks: Iterable[RenderTask]) -> Iterator[RenderOutcome]:
        until = time.monotonic() + self._total_s
        with closing(self._pool.map(tasks)) as outcomes:  # type: ignore[type-var] # it is a generator
            for outcome in outcomes:
                is_too_much = outcome.error is not None and outcome.error.reason in _TOO_MUCH
                if is_too_much or time.monotonic() > until:
                    raise PreviewTooHeavy(
                        _("This recipe takes too long or too much memory for a preview. Take an operation out.")
                    )
                yield outcome

    def _stay(self) -> None:
        with self._lock:
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None

    def _leave_when_idle(self) -> None:
        with self._lock:
            if self._rest is not None:
                self._rest.cancel()
            self._rest = Timer(self._idle_s, self._pool.close)
            self._rest.daemon = True
            self._rest.start()


@cache
def preview_process() -> PreviewProcess:
    """Return the one of this process."""
    return PreviewProcess()
