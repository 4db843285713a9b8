"""Figures about jobs for Prometheus, read from the ledger when somebody asks, so that they survive every restart."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feira.shop.jobs import selectors, services


class JobsCollector(Collector):
    """Counts jobs by kind and state, the age of the oldest due one by queue, and the workers."""

    def __init__(self, database_use: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """Read inside `database_use()`, which may guard and close the connection."""
        self._database_use = database_use

    def describe(self) -> list[Metric]:
        """Name no metrics beforehand: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this moment."""
        with self._database_use():
            counts = selectors.jobs_by_kind_and_state()
            ages = selectors.oldest_due_age_s()
            workers = services.workers_alive()
        jobs = GaugeMetricFamily("feira_jobs", "Jobs in the ledger.", labels=["kind", "state"])
        for kind, state, count in counts:
            jobs.add_metric([kind, state], count)
        yield jobs
        oldest = GaugeMetricFamily(
            "feira_jobs_oldest_due_seconds", "How long the oldest job that may run has been waiting.", labels=["queue"]
        )
        for queue, age_s in ages.items():
            oldest.add_metric([queue], age_s)
        yield oldest
        yield GaugeMetricFamily("feira_workers", "Worker processes that showed themselves lately.", value=workers)


def register(
    registry: CollectorRegistry = REGISTRY,
    database_use: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> JobsCollector:
    """Add the figures about jobs to a registry."""
    collector = JobsCollector(database_use)
    registry.register(collector)
    return collector
