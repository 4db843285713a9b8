"""The processes of a shop that are killed and started again: workers, a beat, and one that asks for work."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from feira.cli.up import FEIRA
from rig.processes import family_of

STOP_S = 20.0
SUBMITTING = "import django; django.setup(); from rig.work.submitting import main; main()"


@dataclass
class Member:
    """A process that is started again whenever it is gone, until it ends by itself with exit code 0."""

    name: str
    command: list[str]
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    left_behind: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int | None:
        """The number of the process, None when it does not run."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def is_done(self) -> bool:
        """Whether it has ended because it had nothing left to do."""
        return self.process is not None and self.process.poll() == 0


class Fleet:
    """Members of one shop, looked after as `feira up` does it.

    Args:
        environment: of every process.
        logs: a folder for what they say.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment, self._logs = dict(environment), logs
        self.members: dict[str, Member] = {}

    def add_worker(self, number: int, *, concurrency: int) -> None:
        """Add a `feira worker`."""
        self._add(f"worker {number}", [*FEIRA, "worker", "--concurrency", str(concurrency)])

    def add_beat(self) -> None:
        """Add a `feira beat`."""
        self._add("beat", [*FEIRA, "beat"])

    def add_web(self, *, jobs: int, backlog: int, seed: int) -> None:
        """Add the process that asks for work."""
        options = ["--jobs", str(jobs), "--backlog", str(backlog), "--seed", str(seed)]
        self._add("web", [sys.executable, "-c", SUBMITTING, *options])

    def keep(self) -> None:
        """Start whatever is not there."""
        for member in self.members.values():
            if member.pid is None and not member.is_done:
                self._start(member)

    def workers(self) -> list[Member]:
        """Return the workers that run."""
        return [member for name, member in self.members.items() if name.startswith("worker") and member.pid]

    def close(self) -> None:
        """Ask every process to stop, then see that none is left, not even what was orphaned."""
        self._signal(self.members.values(), signal.SIGCONT)
        for member in self.members.values():
            if member.pid is not None:
                os.kill(member.pid, signal.SIGTERM)
        for member in self.members.values():
            if member.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    member.process.wait(STOP_S)
        self._signal(self.members.values(), signal.SIGKILL)
        for member in self.members.values():
            if member.process is not None:
                member.process.wait()

    def kill(self, *members: Member) -> None:
        """Kill members and their children with no chance to say good-bye."""
        for member in members:
            if member.pid is not None and member.process is not None:
                os.killpg(member.pid, signal.SIGKILL)
        for member in members:
            if member.process is not None:
                member.process.wait()

    def last_lines(self, *, characters: int = 1500) -> str:
        """Return the end of what each member has said."""
        logs = sorted(self._logs.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-characters:]}" for log in logs)

    def _add(self, name: str, command: list[str]) -> None:
        self.members[name] = Member(name, command)

    def _start(self, member: Member) -> None:
        if member.process is not None:
            member.left_behind.append(member.process.pid)
        member.starts += 1
        with (self._logs / f"{member.name.replace(' ', '-')}.log").open("ab") as log:
            member.process = subprocess.Popen(
                member.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _signal(self, members: Iterable[Member], number: int) -> None:
        """Send a signal to the groups of members and of those whose place they took."""
        for member in members:
            for group in (*member.left_behind, *([member.process.pid] if member.process is not None else [])):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)


def children_of(member: Member) -> list[int]:
    """Return the children of a member that runs."""
    return [pid for pid in family_of(member.pid) if pid != member.pid] if member.pid is not None else []
