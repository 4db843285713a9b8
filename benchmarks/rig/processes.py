"""What processes cost, as Linux counts it: processor time and memory."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def family_of(pid: int) -> list[int]:
    """Return a process and everything that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    family, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        family.append(member)
        waiting += children.get(member, [])
    return sorted(family)


def cpu_s(pid: int) -> float:
    """Return the processor time a process has used, with that of its ended children; 0 when it is gone."""
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S if fields else 0.0


def machine_cpu_s() -> float:
    """Return the processor time that everything on this machine has used since it started."""
    user, nice, system, _idle, _waiting, interrupts, soft, *_others = (PROC / "stat").read_text().split()[1:9]
    return sum(int(ticks) for ticks in (user, nice, system, interrupts, soft)) / TICKS_PER_S


def command_of(pid: int) -> str:
    """Return how a process was started, empty when it is gone."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def pss_mb(pids: Iterable[int]) -> float:
    """Return the memory of some processes in MB, each shared page split between those that share it."""
    return sum(_pss_kb(pid) for pid in pids) / 1000


def _pss_kb(pid: int) -> float:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1.024 if found else 0.0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on (proc(5) counts it as the third), empty when it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    # The name before may hold spaces and brackets.
    return text.rpartition(")")[2].split()
