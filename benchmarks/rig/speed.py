"""A shop's jobs and bare Celery over one broker, in turn: round trips, bursts, and the cost of an idle worker."""

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
from rig.servers import NotInstalled, RabbitMQ, Redis, Server, broker_answers
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
    """Seconds of every round trip, jobs per second of every burst, and the share of a core that idling takes."""

    alone_s: list[float]
    per_s: list[float]
    idle_share: float


def measure(broker: str, size: Size) -> dict[str, Speed]:
    """Return what `ledger` and `bare` Celery do over a broker.

    Args:
        broker: `embedded`, `redis` or `rabbitmq`.

    Raises:
        NotInstalled: there is no such broker.
    """
    with ExitStack() as stack:
        url = stack.enter_context(_address(broker))
        shop = stack.enter_context(Shop(**({"broker_url": url} if url else {})))
        bare_url = url or f"sqlite:///{shop.folder / 'bare.sqlite3'}"
        shop.environment |= {"DJANGO_SETTINGS_MODULE": "rig.work.settings", BROKER: bare_url}
        inside = shop.inside()
        inside.call("rig.work.tables:make")
        at_once = ["--concurrency", str(size.concurrency)]
        bare = [sys.executable, "-m", "celery", "--app", "rig.bare_celery", "worker", "--loglevel", "ERROR", *at_once]
        # The beat costs what it costs in any shop: it looks every two seconds for what was forgotten.
        stack.enter_context(running([*FEIRA, "beat"], shop))
        workers = {
            "ledger": stack.enter_context(running([*FEIRA, "worker", *at_once], shop)),
            "bare": stack.enter_context(running(bare, shop)),
        }
        return _take_turns(inside, workers, size)


def _take_turns(inside: Inside, workers: dict[str, int], size: Size) -> dict[str, Speed]:
    calls = {"ledger": "rig.work.trips:trips", "bare": "rig.bare_celery:trips"}
    found: dict[str, list[Trips]] = {name: [] for name in calls}
    for function in calls.values():
        inside.call(function, alone=WARM_UP, burst=0)
    for _round in range(size.rounds):
        for name, function in calls.items():
            found[name].append(inside.call(function, alone=size.alone, burst=size.burst))
    time.sleep(SETTLE_S)
    idle = _idle_shares(workers, size.idle_s)
    return {
        name: Speed(
            alone_s=[seconds for each in trips for seconds in each["alone_s"]],
            per_s=[size.burst / each["burst_s"] for each in trips],
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
def _address(broker: str) -> Iterator[str]:
    """Yield where a broker answers: the one named in the environment, one of our own, or the one of this machine."""
    if broker == "embedded":
        yield ""
    elif named := os.environ.get(NAMED[broker]):
        yield named
    else:
        folder = Path(tempfile.mkdtemp(prefix=f"feira-{broker}-"))
        try:
            server = OWN[broker](folder)
        except NotInstalled:
            shutil.rmtree(folder)
            if not broker_answers(USUAL[broker]):
                raise
            yield USUAL[broker]
            return
        try:
            server.start()
            yield server.url
        finally:
            server.close()
            shutil.rmtree(folder, ignore_errors=True)
