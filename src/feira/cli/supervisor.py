"""Starts processes, keeps them running, and stops every one of them: the inside of `feira up`."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from feira.cli import watchdog
from feira.cli.running import RunningProcess
from feira.core.errors import FeiraError

TURN_S = 0.1
PROBE_TIMEOUT_S = 2.0
STEADY_AFTER_S = 20.0
PROBE_EVERY_S = 0.3


class NotStarted(FeiraError):
    """The processes did not come up."""

    code = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A program to keep running; `url` is where its /readyz answers."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    url: str


@dataclass(slots=True)
class Child:
    """A program and what became of it so far."""

    spec: ProcessSpec
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    quick_ends: int = 0
    starts: int = 0
    ready: bool = False
    probed_at: float = 0.0


class Supervisor:
    """One thread looks after all children; one more per child passes its lines on.

    Each child leads a process group of its own, so that whatever it started ends with it. A watchdog process ends them
    all when the supervisor itself is killed.

    Args:
        log: called with a process's name and a line it wrote, or with "up" and a line of the supervisor.
        on_change: called with the state of all processes whenever it changes.
        on_ready: called once, when every process has answered /readyz.
        keep_open: file descriptors that the watchdog keeps open until the last child is gone.
        grace_s: how long children may take to end after SIGTERM.
        back_off_s: the first wait before a crashed child is started again; doubles with each quick end, up to 30 s.
        most_quick_ends: before the shop was ready once, a child that ends this often without staying up for 20 s
            ends everything, because nobody would see the reason scroll by.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        log: Callable[[str, str], None],
        on_change: Callable[[dict[str, RunningProcess]], None],
        on_ready: Callable[[], None],
        keep_open: Sequence[int] = (),
        grace_s: float = 15.0,
        back_off_s: float = 0.5,
        most_quick_ends: int = 4,
    ) -> None:
        self._children = [Child(spec) for spec in specs]
        self._log, self._on_change, self._on_ready = log, on_change, on_ready
        self._keep_open, self._grace_s, self._back_off_s = keep_open, grace_s, back_off_s
        self._most_quick_ends = most_quick_ends
        self._signals = 0
        self._was_ready = False
        self._watchdog: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Keep everything running until `stop`, SIGTERM, SIGINT or SIGHUP; return when every process has ended.

        Raises:
            NotStarted: a process ended again and again before all were ready.
        """
        with self._signals_handled(), self._watched():
            try:
                while not self._signals:
                    self._turn()
                    time.sleep(TURN_S)
            finally:
                self._stop_all()

    def stop(self) -> None:
        """Let `run` return; from another thread."""
        self._signals += 1

    def _turn(self) -> None:
        before = self._state()
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._note_end(child, code)
            elif not child.ready and now - child.probed_at > PROBE_EVERY_S:
                self._probe(child)
        if self._state() != before:
            self._on_change(self._state())
        if not self._was_ready and all(child.ready for child in self._children):
            self._was_ready = True
            self._on_ready()

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.spec.command,
            env=child.spec.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._tell_watchdog(f"+{child.process.pid}")
        child.started_at, child.ready = time.monotonic(), False
        child.starts += 1
        assert child.process.stdout is not None  # noqa: S101 - asked for above
        threading.Thread(target=self._pass_on, args=(child.spec.name, child.process.stdout), daemon=True).start()

    def _probe(self, child: Child) -> None:
        child.ready = answers(f"{child.spec.url}/readyz")
        child.probed_at = time.monotonic()
        if child.ready and self._was_ready:
            self._log("up", f"{child.spec.name} is back after {child.probed_at - child.started_at:.1f} s")

    def _pass_on(self, name: str, lines: IO[str]) -> None:
        with lines, contextlib.suppress(ValueError):
            for line in lines:
                self._log(name, line.rstrip("\n"))

    def _note_end(self, child: Child, code: int) -> None:
        now = time.monotonic()
        self._bury(child)
        child.quick_ends = 0 if now - child.started_at > STEADY_AFTER_S else child.quick_ends + 1
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if not self._was_ready and child.quick_ends >= self._most_quick_ends:
            raise NotStarted(f"{child.spec.name} {how} {child.quick_ends} times in a row; its lines above say why.")
        wait_s = min(self._back_off_s * 2 ** max(child.quick_ends - 1, 0), 30.0)
        child.start_at = now + wait_s
        self._log("up", f"{child.spec.name} {how}; starting it again in {wait_s:g} s")

    def _bury(self, child: Child) -> None:
        """Forget an ended child, and end what it may have left running."""
        assert child.process is not None  # noqa: S101 - callers have looked
        watchdog.kill(child.process.pid)
        self._tell_watchdog(f"-{child.process.pid}")
        child.process, child.ready = None, False

    def _stop_all(self) -> None:
        """Ask every child to end, wait, then kill; a second signal kills at once."""
        asked_at, heard = time.monotonic(), self._signals
        for child in self._children:
            if child.process is not None:
                watchdog.ask_to_end(child.process.pid)
        while running := [child for child in self._children if child.process is not None]:
            late = time.monotonic() - asked_at > self._grace_s
            for child in running:
                if child.process is None:
                    continue
                if late or self._signals > heard:
                    watchdog.kill(child.process.pid)
                if child.process.poll() is not None:
                    self._bury(child)
            time.sleep(TURN_S / 2)
        self._on_change(self._state())

    def _state(self) -> dict[str, RunningProcess]:
        return {
            child.spec.name: RunningProcess(
                pid=child.process.pid if child.process else None,
                url=child.spec.url,
                ready=child.ready,
                restarts=max(child.starts - 1, 0),
            )
            for child in self._children
        }

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        def note(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        # -I -S: neither the user's start-up files nor our packages; the process costs 7 MB.
        command = [sys.executable, "-I", "-S", str(Path(watchdog.__file__)), str(self._grace_s)]
        self._watchdog = subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, pass_fds=self._keep_open, process_group=0
        )
        try:
            yield
        finally:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.communicate()
            self._watchdog = None

    def _tell_watchdog(self, line: str) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # somebody killed it; the children are still ours to stop
                self._watchdog.stdin.write(line + "\n")
                self._watchdog.stdin.flush()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        """Follow nothing: a probe asks this process only."""


def answers(url: str) -> bool:
    """Tell whether a GET is answered with 200, as behind a proxy that speaks TLS, and without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    request = urllib.request.Request(url, headers={"X-Forwarded-Proto": "https"})  # noqa: S310 - http, written by us
    try:
        with opener.open(request, timeout=PROBE_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
