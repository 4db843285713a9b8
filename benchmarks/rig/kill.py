"""A shop under fire: jobs are asked for and done while its parts are killed; in the end every effect is there once."""

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.faults import Fault, Faults
from rig.fleet import Fleet
from rig.ledger import Away, Ledger
from rig.report import tell
from rig.servers import PostgreSQL, RabbitMQ, Redis, Server
from rig.shop import Shop
from rig.work.terms import UNDONE_FROM

SERVERS: dict[str, type[Server]] = {"redis": Redis, "rabbitmq": RabbitMQ, "postgresql": PostgreSQL}
LOOK_EVERY_S = 0.1
# What is left after this share of the jobs settles in peace.
CALM_FROM = 0.95


@dataclass(frozen=True)
class Terms:
    """How many jobs, how much harm, how long at most."""

    jobs: int
    workers: int
    concurrency: int
    every_s: float
    limit_s: float
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of it; of the jobs that were wanted, each is asked for in a transaction that was committed."""

    wanted: int
    asked: int
    lost: int
    doubled: int
    undone: int
    begun: int
    seconds: float
    settling_s: float
    faults: list[Fault]
    ended_at: dict[int, float]
    last_lines: str

    @property
    def is_clean(self) -> bool:
        """Whether all were asked for in time, each had its effect once, and none had that was not asked for."""
        return self.asked == self.wanted and not (self.lost or self.doubled or self.undone)


def under_fire(broker: str, database: str, terms: Terms) -> Outcome:
    """Let a shop work off jobs while it is harmed.

    Args:
        broker: `embedded`, `redis` or `rabbitmq`; a server of its own.
        database: `sqlite` or `postgresql`; a server of its own.

    Raises:
        NotInstalled: a program is missing.
    """
    settings: dict[str, str] = {}
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for part, chosen in (("broker", broker), ("database", database)):
            if chosen in SERVERS:
                servers[part] = server = _start(stack, chosen)
                settings[f"{part}_url"] = server.url
        shop = stack.enter_context(Shop(**settings))
        # What is killed leaves its temporary files behind; these go with the folder.
        shop.environment |= {"DJANGO_SETTINGS_MODULE": "rig.work.settings", "TMPDIR": str(shop.folder)}
        inside = shop.inside()
        inside.call("rig.work.tables:make")
        inside.close()
        ledger = Ledger(servers["database"].url if "database" in servers else shop.folder / "feira.sqlite3")
        logs = shop.folder / "logs"
        logs.mkdir()
        fleet = Fleet(shop.environment, logs)
        stack.callback(fleet.close)
        return _fire(fleet, servers, ledger, terms)


def _start(stack: ExitStack, chosen: str) -> Server:
    folder = Path(tempfile.mkdtemp(prefix=f"feira-{chosen}-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    server = SERVERS[chosen](folder)
    stack.callback(server.close)
    server.start()
    return server


def _fire(fleet: Fleet, servers: dict[str, Server], ledger: Ledger, terms: Terms) -> Outcome:
    chance = random.Random(terms.seed)
    for number in range(terms.workers):
        fleet.add_worker(number + 1, concurrency=terms.concurrency)
    fleet.add_beat()
    fleet.add_web(jobs=terms.jobs, backlog=6 * terms.workers * terms.concurrency, seed=terms.seed)
    faults = Faults(
        fleet,
        servers,
        chance=chance,
        jobs_of=lambda pids: _jobs_of(ledger, pids),
        jobs_handed_out=lambda: ledger.numbers("SELECT id FROM jobs_job WHERE state IN ('queued', 'running')"),
        jobs_not_handed_out=lambda: ledger.numbers("SELECT id FROM jobs_job WHERE state = 'waiting'"),
    )
    happened: list[Fault] = []
    began, next_at, told = time.monotonic(), float("inf"), 0
    calm_since = began
    while time.monotonic() - began < terms.limit_s:
        fleet.keep()
        faults.thaw()
        try:
            done = ledger.number("SELECT count(*) FROM effect")
            if done >= terms.jobs and not ledger.number(
                "SELECT count(*) FROM jobs_job WHERE state IN ('waiting', 'queued', 'running')"
            ):
                break
            now = time.monotonic()
            if next_at == float("inf") and done:
                next_at = now  # the first effect: everybody is there
            if now >= next_at and done < CALM_FROM * terms.jobs:
                if fault := faults.harm():
                    happened.append(fault)
                calm_since = time.monotonic()
                next_at = calm_since + terms.every_s * chance.uniform(0.5, 1.5)
        except Away:
            pass
        else:
            if done * 10 // terms.jobs > told:
                told = done * 10 // terms.jobs
                tell(f"{done} of {terms.jobs} done, {len(happened)} faults, {time.monotonic() - began:.0f} s")
        time.sleep(LOOK_EVERY_S)
    seconds, settling_s = time.monotonic() - began, time.monotonic() - calm_since
    return _count(ledger, fleet, happened, wanted=terms.jobs, seconds=seconds, settling_s=settling_s)


def _count(
    ledger: Ledger, fleet: Fleet, happened: list[Fault], *, wanted: int, seconds: float, settling_s: float
) -> Outcome:
    effects = ledger.rows("SELECT number, job_id, at FROM effect")
    asked = ledger.numbers("SELECT number FROM asked")
    found = [int(number) for number, _job_id, _at in effects]
    return Outcome(
        wanted=wanted,
        asked=len(asked),
        lost=len(asked - set(found)),
        doubled=len(found) - len(set(found)),
        undone=sum(number >= UNDONE_FROM or number not in asked for number in set(found)),
        begun=ledger.number("SELECT count(*) FROM begun"),
        seconds=seconds,
        settling_s=settling_s,
        faults=happened,
        ended_at={int(job_id): float(at) for _number, job_id, at in effects},
        last_lines=fleet.last_lines(),
    )


def _jobs_of(ledger: Ledger, pids: list[int]) -> set[int]:
    rows = ledger.rows("SELECT id, lease_owner FROM jobs_job WHERE state = 'running'")
    return {int(job_id) for job_id, owner in rows if int(owner.split("/")[-2]) in pids}


def recoveries(outcome: Outcome) -> list[dict[str, Any]]:
    """Return a row for each kind of fault: how long until work went on, and until what it hit was done after all."""
    ends = sorted(outcome.ended_at.values())
    rows = []
    for kind in sorted({fault.kind for fault in outcome.faults}):
        alike = [fault for fault in outcome.faults if fault.kind == kind]
        onward = [next((end - fault.at for end in ends if end > fault.at), None) for fault in alike]
        whole = [
            max(outcome.ended_at.get(job_id, fault.at) for job_id in fault.touched) - fault.at
            for fault in alike
            if fault.touched
        ]
        rows.append(
            {
                "fault": kind,
                "times": len(alike),
                "jobs hit": sum(len(fault.touched) for fault in alike),
                "next effect": _middle([each for each in onward if each is not None]),
                "all hit done": _middle(whole),
                "most": round(max(whole), 1) if whole else None,
            }
        )
    return rows


def _middle(seconds: Sequence[float]) -> float | None:
    return round(statistics.median(seconds), 1) if seconds else None
