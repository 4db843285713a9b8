"""The most memory that processes take while something happens."""

import threading
from types import TracebackType
from typing import Self

from rig.processes import family_of, pss_mb

LOOK_EVERY_S = 0.5


class Peak:
    """Looks at a process and its children twice a second while its block runs.

    Attributes:
        before_mb: what they took at the start, in MB, shared pages counted once.
        most_mb: the most that they took.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.before_mb = self.most_mb = pss_mb(family_of(pid))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.most_mb = max(self.most_mb, pss_mb(family_of(self._pid)))
