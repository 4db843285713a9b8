"""Figures about jobs for Prometheus, read from the ledger when somebody asks, so that they survive every restart."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from feira.shop.jobs import selectors, services, tallies
from feira.shop.jobs.models import FINISHED


class JobsCollector(Collector):
    """Jobs by kind and state, the age of the oldest due one by queue, durations, lost leases, and the workers."""

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
            figures = tallies.tallies()
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
        yield from _over_time(figures)
        yield GaugeMetricFamily("feira_workers", "Worker processes that showed themselves lately.", value=workers)


def _over_time(figures: dict[tuple[str, str], float]) -> Iterator[Metric]:
    """Yield what only grows; finished jobs are counted in every 15 seconds."""
    ended = CounterMetricFamily("feira_jobs_ended", "Jobs that ended, by how.", labels=["kind", "state"])
    lost = CounterMetricFamily(
        "feira_job_leases_lost", "Leases taken back from workers that died or fell silent.", labels=["kind"]
    )
    took = HistogramMetricFamily("feira_job_seconds", "How long the last attempts of jobs took.", labels=["kind"])
    for kind in sorted({kind for kind, _figure in figures}):
        for state in FINISHED:
            if amount := figures.get((kind, state)):
                ended.add_metric([kind, state], amount)
        lost.add_metric([kind], figures.get((kind, tallies.LEASE_LOST), 0))
        bounds = [*(f"{bound:g}" for bound in tallies.BOUNDS_S), tallies.BEYOND]
        within = accumulate(figures.get((kind, f"within_{bound}"), 0.0) for bound in bounds)
        took.add_metric([kind], list(zip(bounds, within, strict=True)), figures.get((kind, tallies.SECONDS), 0.0))
    yield ended
    yield lost
    yield took


def register(
    registry: CollectorRegistry = REGISTRY,
    database_use: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> JobsCollector:
    """Add the figures about jobs to a registry."""
    collector = JobsCollector(database_use)
    registry.register(collector)
    return collector
