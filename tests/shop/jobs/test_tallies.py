"""Figures over time."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from feira.shop.jobs import leases, metrics, services, tallies
from feira.shop.jobs.models import Job
from feira.shop.jobs.registry import get_kind, job
from feira.shop.jobs.running import RunningJob

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]


@pytest.fixture(autouse=True)
def _kind(own_kinds: None) -> None:
    @job("tests.timed", max_attempts=2)
    def timed(_job: RunningJob) -> None: ...


def ended(state: str, seconds: float) -> Job:
    """Return a job that took so long."""
    submitted = services.submit("tests.timed")
    now = timezone.now()
    started_at = now - timedelta(seconds=seconds)
    Job.objects.filter(pk=submitted.pk).update(state=state, started_at=started_at, finished_at=now)
    return submitted


def figures() -> dict[str, float]:
    return {figure: amount for (kind, figure), amount in tallies.tallies().items() if kind == "tests.timed"}


@pytest.mark.parametrize(
    ("seconds", "figure"),
    [(0.0, "within_0.1"), (0.1, "within_0.1"), (0.11, "within_0.5"), (7200.0, "within_7200"), (9e9, "within_+Inf")],
)
def test_a_duration_belongs_to_the_first_bound_that_is_not_smaller(seconds: float, figure: str) -> None:
    assert tallies.bucket_of(seconds) == figure


def test_each_end_is_counted_once_and_a_retried_job_ends_again() -> None:
    ended("succeeded", 0.3)
    ended("succeeded", 20.0)
    failed = ended("failed", 2.0)
    ended("cancelled", 3.0)
    services.submit("tests.timed")
    assert (tallies.count_finished(), tallies.count_finished()) == (4, 0)
    expected = {"succeeded": 2.0, "failed": 1.0, "cancelled": 1.0, "within_0.5": 1.0, "within_5": 1.0, "within_60": 1.0}
    assert figures() == expected | {"seconds": pytest.approx(22.3)}
    services.retry(failed)
    services.run_until_idle()
    assert tallies.count_finished() == 2
    assert figures()["succeeded"] == 4.0
    assert figures()["failed"] == 1.0


def test_figures_outlive_the_jobs() -> None:
    ended("succeeded", 0.3)
    tallies.count_finished()
    Job.objects.all().delete()
    assert figures()["succeeded"] == 1.0


def test_leases_that_were_lost_are_counted() -> None:
    submitted = services.submit("tests.timed")
    for _attempt in range(2):
        submitted.refresh_from_db()
        assert leases.claim(submitted, get_kind("tests.timed"))
        Job.objects.update(lease_until=timezone.now())
        services.reconcile()
    assert figures() == {"lease_lost": 2.0}


def test_prometheus_gets_counters_and_a_histogram() -> None:
    ended("succeeded", 0.3)
    ended("failed", 20.0)
    tallies.count_finished()
    tallies.add({("tests.timed", tallies.LEASE_LOST): 3})
    registry = CollectorRegistry()
    metrics.register(registry)
    lines = generate_latest(registry).decode().splitlines()
    for line in (
        'feira_jobs_ended_total{kind="tests.timed",state="failed"} 1.0',
        'feira_job_leases_lost_total{kind="tests.timed"} 3.0',
        'feira_job_seconds_bucket{kind="tests.timed",le="0.1"} 0.0',
        'feira_job_seconds_bucket{kind="tests.timed",le="0.5"} 1.0',
        'feira_job_seconds_bucket{kind="tests.timed",le="60"} 2.0',
        'feira_job_seconds_bucket{kind="tests.timed",le="+Inf"} 2.0',
        'feira_job_seconds_count{kind="tests.timed"} 2.0',
    ):
        assert line in lines
    assert registry.get_sample_value("feira_job_seconds_sum", {"kind": "tests.timed"}) == pytest.approx(20.3)
