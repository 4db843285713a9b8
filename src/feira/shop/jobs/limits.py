"""Limits of time and memory for one attempt at a job, and what a worker does about an attempt that exceeds them.

The attempt is asked to stop first: an exception is raised in it, by a signal where the process is a worker's child and
else at the next sign of life. A worker's child that does not stop for that, busy in native code perhaps, is killed
after the grace, its end being noted first.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from feira.shop.jobs.errors import LimitReached
from feira.shop.jobs.registry import Kind

GRACE_S = 5.0
LOOK_EVERY_S = 0.2
MIB = 1024 * 1024


class Limits:
    """Tells when an attempt that begins now has exceeded what its kind may."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._until = None if kind.time_limit_s is None else time.monotonic() + kind.time_limit_s

    @property
    def look_every_s(self) -> float | None:
        """How often it should be asked, in seconds; None when there are no limits."""
        return LOOK_EVERY_S if self._until is not None or self._kind.memory_limit_mb is not None else None

    def exceeded(self) -> LimitReached | None:
        """Return what was exceeded, said in a sentence, or None."""
        if self._until is not None and time.monotonic() > self._until:
            return LimitReached(f"It took longer than the {self._kind.time_limit_s:g} s that {self._kind.name} may.")
        most_mb = self._kind.memory_limit_mb
        if most_mb is not None and (held_mb := resident_bytes() / MIB) > most_mb:
            return OutOfMemory(f"It held {held_mb:.0f} MiB of memory; {self._kind.name} may hold {most_mb:g}.")
        return None


class OutOfMemory(LimitReached):
    """The attempt held too much memory."""


class Interrupter:
    """Raises exceptions in the main thread of a worker's child, on behalf of a thread that watches."""

    def __init__(self) -> None:
        self._is_installed = False
        self._pending: LimitReached | None = None
        self._is_open = False
        self._is_spent = False

    @property
    def is_installed(self) -> bool:
        """Whether this process is one that may be interrupted and killed."""
        return self._is_installed

    @property
    def is_spent(self) -> bool:
        """Whether this process should end after its job, because it held too much memory and may not let go of it."""
        return self._is_spent

    def install(self) -> None:
        """Make this process interruptible; only for a worker's child, in its main thread."""
        self._is_installed = True
        signal.signal(signal.SIGUSR2, self._raise)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let the main thread be interrupted inside, and nowhere else."""
        self._pending, self._is_open = None, True
        try:
            yield
        finally:
            self._is_open = False

    def interrupt(self, reason: LimitReached) -> None:
        """Raise an exception in the main thread, if it is inside `open`; from any thread."""
        self._is_spent = self._is_spent or isinstance(reason, OutOfMemory)
        self._pending = reason
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_open and self._pending is not None:
            self._is_open = False
            raise self._pending


interrupter = Interrupter()


def end_this_process() -> None:
    """Kill this process and those it has started, at once."""
    for process in descendants(os.getpid()):
        _kill(process)
    _kill(os.getpid())


def resident_bytes() -> int:
    """Return how much memory this process and those it has started hold; 0 where the system does not tell."""
    return sum(_resident_bytes(process) for process in [os.getpid(), *descendants(os.getpid())])


def descendants(process: int) -> list[int]:
    """Return the numbers of the processes that a process has started, and those that they have."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            found.extend(int(number) for number in (task / "children").read_text().split())
    except OSError:
        return []
    return found + [number for child in found for number in descendants(child)]


def _resident_bytes(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
