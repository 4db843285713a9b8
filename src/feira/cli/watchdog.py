"""Ends what a killed supervisor leaves behind; run as a file of its own, on the standard library alone.

It reads lines from stdin: `+N` when a process group was started, `-N` when it is gone. The end of the input means that
the supervisor has ended, however that happened: even `kill -9` closes a pipe. Groups that are left then get SIGTERM,
and SIGKILL when they have not ended in time. Signals meant for the supervisor do not reach it.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

POLL_S = 0.05


def is_alive(group: int) -> bool:
    """Tell whether a process group still has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group whose processes have ended and wait to be reaped
        return False
    return True


def ask_to_end(group: int) -> None:
    """Send SIGTERM to the group's first process, which ends the others in its own way; to all when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        try:
            os.kill(os.getpgid(group), signal.SIGTERM)
        except ProcessLookupError:
            os.killpg(group, signal.SIGTERM)


def kill(group: int) -> None:
    """End whatever is left of a group, now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def watch(lines: Iterable[str], *, grace_s: float) -> None:
    """Follow the supervisor until its end, then end what it left."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        groups.add(group) if line.startswith("+") else groups.discard(group)
    for group in groups:
        ask_to_end(group)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(is_alive(group) for group in groups):
        time.sleep(POLL_S)
    for group in groups:
        kill(group)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin, grace_s=float(sys.argv[1]))
