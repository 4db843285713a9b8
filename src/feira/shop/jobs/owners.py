"""Names for the processes that hold leases, good enough to tell on the same machine that one is dead."""

import os
import socket
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Return `host/namespace/pid/start` of this process."""
    return _name_of(os.getpid())


def is_surely_gone(owner: str) -> bool:
    """Return True when the owner ran on this machine and is dead; False whenever that cannot be known.

    Leases would run out by themselves. This only saves the wait after a crash on one machine, and a wrong answer
    would cost a repeated attempt, not a doubled effect: leases are fenced by tokens.
    """
    place, _, rest = owner.rpartition("/")
    place, _, pid = place.rpartition("/")
    if place != _place() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return _start_of(int(pid)) != rest


@cache
def _name_of(pid: int) -> str:
    return f"{_place()}/{pid}/{_start_of(pid)}"


# A child might have the number that an ancestor had.
os.register_at_fork(after_in_child=_name_of.cache_clear)


def _place() -> str:
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:")
    except OSError:
        namespace = "-"
    return f"{socket.gethostname()}/{namespace}"


def _start_of(pid: int) -> str:
    """Return the start time of a process in ticks since boot, "-" where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "-"
    # The name in parentheses may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return "-" if fields[0] == "Z" else fields[19]
