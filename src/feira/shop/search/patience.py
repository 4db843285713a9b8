"""How long to do without an engine that failed: who types words should not wait for a picture that never comes."""

import time
from collections.abc import Callable

REST_S = 10.0


class Patience:
    """One process's memory of when the engine last failed."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed_at: float | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the engine failed within the last `REST_S` seconds and nobody has had an answer since."""
        return self._failed_at is not None and self._clock() - self._failed_at < REST_S

    def note(self, *, answered: bool) -> None:
        """Remember how asking went."""
        self._failed_at = None if answered else self._clock()


patience = Patience()
