"""What can befall a shop: processes and servers that are killed, or fall silent and come back."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rig.fleet import Fleet, Member, children_of
from rig.servers import Server
from rig.work.terms import LEASE_S

AWAY_S = (0.3, 2.0)
FROZEN_S = LEASE_S + 3.0


@dataclass
class Fault:
    """One that happened: when, to whom, and the jobs whose end it put off."""

    kind: str
    at: float
    touched: set[int] = field(default_factory=set)


class Faults:
    """Does harm by chance, each kind as often as the others.

    Args:
        servers: the broker and the database by these names, as far as they are servers of our own.
        jobs_of: returns the numbers of the jobs that some processes run.
        jobs_handed_out: returns the numbers of the jobs that the broker holds or that run.
        jobs_not_handed_out: returns the numbers of the jobs that the broker has not heard of.
    """

    def __init__(
        self,
        fleet: Fleet,
        servers: dict[str, Server],
        *,
        chance: random.Random,
        jobs_of: Callable[[list[int]], set[int]],
        jobs_handed_out: Callable[[], set[int]],
        jobs_not_handed_out: Callable[[], set[int]],
    ) -> None:
        self._fleet, self._servers, self._chance = fleet, servers, chance
        self._jobs_of, self._jobs_handed_out, self._jobs_not_handed_out = jobs_of, jobs_handed_out, jobs_not_handed_out
        self._kinds: dict[str, Callable[[], set[int] | None]] = {
            "worker": self._worker,
            "child of a worker": self._child,
            "parent of a worker": self._parent,
            "worker frozen": self._freeze,
            "web": self._web,
            "beat": self._beat,
            "everything at once": self._everything,
            **{name: lambda name=name: self._server(name) for name in servers},  # type: ignore[misc]
        }
        self._next: list[str] = []
        self._thaw: list[tuple[float, Member, int]] = []

    def harm(self) -> Fault | None:
        """Do the next harm; None when there was nobody to harm."""
        if not self._next:
            self._next = list(self._kinds)
            self._chance.shuffle(self._next)
        kind, at = self._next.pop(), time.time()
        touched = self._kinds[kind]()
        return Fault(kind, at, touched) if touched is not None else None

    def thaw(self) -> None:
        """Let go on whoever was frozen for long enough."""
        now = time.monotonic()
        for until, member, pid in self._thaw:
            if now >= until and member.pid == pid:
                os.killpg(pid, signal.SIGCONT)
        self._thaw = [each for each in self._thaw if each[0] > now]

    def _some_worker(self) -> Member | None:
        frozen = {pid for _until, _member, pid in self._thaw}
        there = [member for member in self._fleet.workers() if member.pid not in frozen and children_of(member)]
        return self._chance.choice(there) if there else None

    def _worker(self) -> set[int] | None:
        if (worker := self._some_worker()) is None:
            return None
        touched = self._jobs_of(children_of(worker))
        self._fleet.kill(worker)
        return touched

    def _child(self) -> set[int] | None:
        if (worker := self._some_worker()) is None:
            return None
        child = self._chance.choice(children_of(worker))
        touched = self._jobs_of([child])
        os.kill(child, signal.SIGKILL)
        return touched

    def _parent(self) -> set[int] | None:
        if (worker := self._some_worker()) is None or worker.pid is None:
            return None
        touched = self._jobs_of(children_of(worker))
        os.kill(worker.pid, signal.SIGKILL)
        return touched

    def _freeze(self) -> set[int] | None:
        """Stop a worker for longer than its leases last: what it does afterwards must not count."""
        if (worker := self._some_worker()) is None or worker.pid is None or self._thaw:
            return None
        touched = self._jobs_of(children_of(worker))
        os.killpg(worker.pid, signal.SIGSTOP)
        self._thaw.append((time.monotonic() + FROZEN_S, worker, worker.pid))
        return touched

    def _web(self) -> set[int] | None:
        web = self._fleet.members["web"]
        if web.pid is None:
            return None
        self._fleet.kill(web)
        return self._jobs_not_handed_out()

    def _beat(self) -> set[int] | None:
        self._fleet.kill(self._fleet.members["beat"])
        return self._jobs_not_handed_out()

    def _everything(self) -> set[int]:
        touched = self._jobs_handed_out()
        self._fleet.kill(*self._fleet.members.values())
        return touched

    def _server(self, name: str) -> set[int]:
        touched = self._jobs_handed_out()
        server = self._servers[name]
        server.crash()
        time.sleep(self._chance.uniform(*AWAY_S))
        server.start()
        return touched
