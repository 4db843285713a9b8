"""A shop's jobs and bare Celery over one broker, in turn: round trips, bursts, and the cost of an idle worker.

Another checkout of Feira can take its turns beside them, with a shop, a database and a broker's queues of its own.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from feira.cli.up import FEIRA
from rig.bare_celery import BROKER
from rig.echo import Trips
from rig.processes import cpu_s, family_of
from rig.running import running
from rig.servers import NotInstalled, PostgreSQL, RabbitMQ, Redis, Server, broker_answers
from rig.shop import Inside, Shop

WARM_UP = 5
SETTLE_S = 3.0
OWN: dict[str, type[Server]] = {"redis": Redis, "rabbitmq": RabbitMQ}
NAMED = {"redis": "FEIRA_TEST_REDIS_URL", "rabbitmq": "FEIRA_TEST_AMQP_URL"}
USUAL = {"redis": "redis://127.0.0.1:6379/11", "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//"}


@dataclass(frozen=True)
class Size:
    """How much is measured: `rounds` of some trips alone and a burst each, then some idle seconds."""

    rounds: int
    alone: int
    burst: int
    idle_s: float
    concurrency: int


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        alone_s: seconds of every round trip.
        per_s: jobs per second of every burst.
        cpu_s: processor seconds per job, of every turn: those who ask and work, without servers.
        idle_share: the share of a core that idling takes.
    """

    alone_s: list[float]
    per_s: list[float]
    cpu_s: list[float]
    idle_share: float


def measure(broker: str, database: str, size: Size, *, against: Path | None = None) -> dict[str, Speed]:
    """Return what `ledger` and `bare` Celery do over a broker, and `before` when there is another checkout.

    Args:
        broker: `embedded`, `redis` or `rabbitmq`.
        database: `sqlite` or `postgresql`, a server of the benchmark's own.
        against: root of another checkout of Feira.

    Raises:
        NotInstalled: there is no such broker or database.
    """
    with ExitStack() as stack:
        parties = {"ledger": _party(stack, broker, database, size, is_alone=against is None)}
        if against is not None:
            parties["before"] = _party(stack, broker, database, size, is_alone=False, source=against / "src")
        parties["bare"] = _bare(stack, parties["ledger"].shop, size)
        return _take_turns(parties, size)


@dataclass(frozen=True)
class _Party:
    """Who takes turns: a process that asks, a function in it, and a worker."""

    shop: Shop
    asking: Inside
    trips: str
    worker: int

    def cpu_s(self) -> float:
        """Return the processor time that asking and working took so far, in seconds, without servers and the beat."""
        return sum(map(cpu_s, [self.asking.pid, *family_of(self.worker)]))


def _party(
    stack: ExitStack, broker: str, database: str, size: Size, *, is_alone: bool = True, source: Path | None = None
) -> _Party:
    """Open a shop with a worker; its programs are those of another checkout's `source`, if there is one.

    One that is not alone has a broker of its own, for another's numbers of jobs mean nothing to it.
    """
    urls = {
        "broker": stack.enter_context(_broker(broker, is_alone=is_alone)),
        "database": stack.enter_context(_database(database)),
    }
    shop = stack.enter_context(Shop(**{f"{name}_url": url for name, url in urls.items() if url}))
    shop.environment["DJANGO_SETTINGS_MODULE"] = "rig.work.settings"
    if source is not None:
        shop.environment["PYTHONPATH"] = os.pathsep.join([str(source), shop.environment["PYTHONPATH"]])
    inside = shop.inside()
    inside.call("rig.work.tables:make")
    # The beat costs what it costs in any shop: it looks every two seconds for what was forgotten.
    stack.enter_context(running([*FEIRA, "beat"], shop))
    worker = stack.enter_context(running([*FEIRA, "worker", "--concurrency", str(size.concurrency)], shop))
    return _Party(shop, inside, "rig.work.trips:trips", worker)


def _bare(stack: ExitStack, shop: Shop, size: Size) -> _Party:
    """Let bare Celery work over the broker of a shop."""
    shop.environment[BROKER] = shop.environment.get("FEIRA_BROKER_URL") or f"sqlite:///{shop.folder / 'bare.sqlite3'}"
    worker = [sys.executable, "-m", "celery", "--app", "rig.bare_celery", "worker", "--loglevel", "ERROR"]
    started = stack.enter_context(running([*worker, "--concurrency", str(size.concurrency)], shop))
    return _Party(shop, shop.inside(), "rig.bare_celery:trips", started)


def _take_turns(parties: dict[str, _Party], size: Size) -> dict[str, Speed]:
    found: dict[str, list[Trips]] = {name: [] for name in parties}
    used: dict[str, list[float]] = {name: [] for name in parties}
    for party in parties.values():
        party.asking.call(party.trips, alone=WARM_UP, burst=0)
    for _round in range(size.rounds):
        for name, party in parties.items():
            before = party.cpu_s()
            found[name].append(party.asking.call(party.trips, alone=size.alone, burst=size.burst))
            used[name].append((party.cpu_s() - before) / (size.alone + size.burst))
    time.sleep(SETTLE_S)
    idle = _idle_shares({name: party.worker for name, party in parties.items()}, size.idle_s)
    return {
        name: Speed(
            alone_s=[seconds for each in trips for seconds in each["alone_s"]],
            per_s=[size.burst / each["burst_s"] for each in trips],
            cpu_s=used[name],
            idle_share=idle[name],
        )
        for name, trips in found.items()
    }


def _idle_shares(workers: dict[str, int], seconds: float) -> dict[str, float]:
    """Return the share of a core that each worker takes with its children, while nobody asks for anything."""
    families = {name: family_of(pid) for name, pid in workers.items()}
    before, began = {name: sum(map(cpu_s, pids)) for name, pids in families.items()}, time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    return {name: (sum(map(cpu_s, pids)) - before[name]) / passed for name, pids in families.items()}


@contextmanager
def _database(chosen: str) -> Iterator[str]:
    """Yield the address of a database server of our own; nothing for the file that every shop has."""
    if chosen == "sqlite":
        yield ""
        return
    folder = Path(tempfile.mkdtemp(prefix="feira-postgresql-"))
    try:
        server = PostgreSQL(folder)
        try:
            server.start()
            yield server.url
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _broker(broker: str, *, is_alone: bool) -> Iterator[str]:
    """Yield where a broker answers: the one named in the environment, one of our own, or the one of this machine.

    Of our own in any case when it is not alone that needs one.
    """
    if broker == "embedded":
        yield ""
    elif is_alone and (named := os.environ.get(NAMED[broker])):
        yield named
    else:
        folder = Path(tempfile.mkdtemp(prefix=f"feira-{broker}-"))
        try:
            server = OWN[broker](folder)
        except NotInstalled:
            shutil.rmtree(folder)
            if not is_alone or not broker_answers(USUAL[broker]):
                raise
            yield USUAL[broker]
            return
        try:
            server.start()
            yield server.url
        finally:
            server.close()
            shutil.rmtree(folder, ignore_errors=True)
