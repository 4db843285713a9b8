"""A process that reads photos for us, with limits on time and memory, and which may be killed without harm."""

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from feira.core.errors import FeiraError, InvalidImage
from feira.core.images.limits import IntakeLimits
from feira.core.images.wire import LENGTH, READY, UnbelievableAnswerError, frame

_START_TIMEOUT_S = 30.0
_PIECE = 1 << 16
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]
# What the child gets of our environment: enough to find its libraries, none of our secrets.
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_Answer = TypeVar("_Answer")


class SandboxUnavailableError(FeiraError):
    """The decoding process does not start: a fault of the installation, not of any photo."""

    code = "sandbox_unavailable"
    http_status = 503


class _ChildDiedError(Exception):
    """The child closed its pipes; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ReadingChild:
    """Keeps one child process that answers one request at a time.

    It is started when first needed, replaced when it dies or has to be killed, and never shared with a forked process.
    Safe to call from several threads, which queue. Daemonic processes may have
    one too: it is no child in the sense of `multiprocessing`.

    Args:
        module: run as `python -m module LIMITS`; it calls `feira.core.images.serving.serve`.
        limits: of the photos; `timeout_s` is for one answer.
        max_answer_bytes: a longer answer is not believed.
        attempts: how many children one request may wear out. With 1, whoever dies over a photo means its refusal.
    """

    def __init__(self, module: str, limits: IntakeLimits, *, max_answer_bytes: int, attempts: int = 1) -> None:
        self._module, self._limits = module, limits
        self._max_answer_bytes, self._attempts = max_answer_bytes, attempts
        self._lock = threading.Lock()
        self._child: _Child | None = None
        _keepers.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, request: bytes, read: Callable[[bytes], _Answer]) -> _Answer:
        """Return what `read` makes of the answer; takes at most `limits.timeout_s` once it is this request's turn.

        Raises:
            InvalidImage: the child refused, or died over it; `reason` also is took_too_long, too_much_memory, or
                damaged when it crashed or its answer was not to be believed.
            SandboxUnavailableError: the process does not start.
        """
        with self._lock:
            for attempt in range(1, self._attempts + 1):
                try:
                    return self._ask_once(request, read)
                except _ChildDiedError as error:
                    if attempt == self._attempts:
                        raise self._refusal_after(error.status) from error
                except SandboxUnavailableError:  # it may have been killed while it started
                    if attempt == self._attempts:
                        raise
        raise AssertionError("there is at least one attempt")

    def close(self) -> None:
        """End the child; a later request starts another."""
        with self._lock:
            self._drop()

    def _ask_once(self, request: bytes, read: Callable[[bytes], _Answer]) -> _Answer:
        child = self._running_child()
        try:
            return read(child.exchange(frame(request), deadline=time.monotonic() + self._limits.timeout_s))
        except InvalidImage as error:
            if error.reason == "too_much_memory":
                self._drop()  # its heap has been to the limit; a fresh one has room again
            raise
        except TimeoutError as error:
            self._drop()
            raise self._took_too_long() from error
        except UnbelievableAnswerError as error:
            self._drop()
            raise _crashed() from error
        except BaseException:
            self._drop()  # dead, or interrupted half-way: the answer to this request must not meet the next one
            raise

    def _running_child(self) -> "_Child":
        if self._child is not None and not self._child.is_alive:
            self._drop()
        if self._child is None:
            self._child = _Child(self._module, self._limits, self._max_answer_bytes)
        return self._child

    def _drop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _forget_after_fork(self) -> None:
        """In a forked process: let go of the parent's child without ending it, and of a lock that may be held."""
        self._lock = threading.Lock()
        if self._child is not None:
            self._child.abandon()
            self._child = None

    def _took_too_long(self) -> InvalidImage:
        return InvalidImage(
            f"This photo takes longer than {self._limits.timeout_s:g} seconds to open. "
            "Save it smaller, as a plain JPEG, and try again.",
            reason="took_too_long",
            timeout_s=self._limits.timeout_s,
        )

    def _refusal_after(self, status: int) -> InvalidImage:
        if status == -signal.SIGXCPU:
            return self._took_too_long()
        if status == -signal.SIGKILL:  # the system ended it: nearly always because memory ran out
            return InvalidImage(
                "This photo needs more memory to open than there is. Save it smaller, as a plain JPEG, and try again.",
                reason="too_much_memory",
            )
        return _crashed()


class _Child:
    """One decoding process and its pipes."""

    def __init__(self, module: str, limits: IntakeLimits, max_answer_bytes: int) -> None:
        self._max_answer_bytes = max_answer_bytes
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {
            "PYTHONPATH": str(_PACKAGE_ROOT),
            "OPENBLAS_NUM_THREADS": "1",  # every further thread reserves address space
            "MALLOC_ARENA_MAX": "2",
        }
        try:
            # -P: the folder we happen to stand in cannot offer modules to the child.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, json.dumps(dataclasses.asdict(limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for the parent to handle
            )
        except OSError as error:
            raise SandboxUnavailableError(f"The photo decoder cannot be started: {error}.") from error
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("Popen was asked for both pipes")
        self._to_child, self._from_child = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to_child, False)
        os.set_blocking(self._from_child, False)
        try:
            greeting = self.exchange(b"", deadline=time.monotonic() + _START_TIMEOUT_S)
        except (TimeoutError, _ChildDiedError, UnbelievableAnswerError) as error:
            greeting = repr(error).encode()
        if greeting != READY:
            self.kill()
            raise SandboxUnavailableError(
                f"The photo decoder does not start ({greeting!r}). Run `python -m {module} '{{}}'` to see why."
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def exchange(self, request: bytes, *, deadline: float) -> bytes:
        """Send a framed request and return the body of the answer.

        Raises:
            TimeoutError: the deadline (of the monotonic clock) passed.
            _ChildDiedError: the child hung up.
            UnbelievableAnswerError: the answer is absurdly long, or came before the question.
        """
        unsent, answer, expected = memoryview(request), bytearray(), LENGTH.size
        while len(answer) < expected:
            self._wait(writing=bool(unsent), deadline=deadline)
            if unsent:
                unsent = unsent[self._write(unsent) :]
            piece = self._read(min(_PIECE * 16, expected - len(answer)))
            answer += piece
            if expected == LENGTH.size == len(answer):
                (length,) = LENGTH.unpack(answer)
                if length > self._max_answer_bytes:
                    raise UnbelievableAnswerError(f"an answer of {length} bytes")
                expected += length
        if unsent:
            raise UnbelievableAnswerError("an answer before the whole question was read")
        return bytes(answer[LENGTH.size :])

    def kill(self) -> None:
        """End the process at once and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def abandon(self) -> None:
        """Close our copies of the pipes; the process belongs to the parent that we were forked from."""
        self._process.returncode = 0  # else Popen would warn, or wait for a process that is not our child
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _wait(self, *, writing: bool, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()  # select.select() cannot watch descriptors beyond 1023
        poll.register(self._from_child, select.POLLIN)
        if writing:
            poll.register(self._to_child, select.POLLOUT)
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError("the photo decoder did not answer in time")

    def _write(self, unsent: memoryview) -> int:
        try:
            return os.write(self._to_child, unsent[:_PIECE])
        except BlockingIOError:
            return 0
        except BrokenPipeError as error:
            raise _ChildDiedError(self._exit_status()) from error

    def _read(self, most: int) -> bytes:
        try:
            piece = os.read(self._from_child, most)
        except BlockingIOError:
            return b""
        if not piece:
            raise _ChildDiedError(self._exit_status())
        return piece

    def _exit_status(self) -> int:
        """Return the status of a child that closed its output, ending it when it lives on."""
        try:
            return self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return 1


def _crashed() -> InvalidImage:
    return InvalidImage(
        "This photo is damaged and cannot be opened. Take it again or export it once more.", reason="damaged"
    )


_keepers: "weakref.WeakSet[ReadingChild]" = weakref.WeakSet()


def _forget_children_after_fork() -> None:
    for keeper in list(_keepers):
        keeper._forget_after_fork()  # noqa: SLF001 - same module; not for others to call


os.register_at_fork(after_in_child=_forget_children_after_fork)
