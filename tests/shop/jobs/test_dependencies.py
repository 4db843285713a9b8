"""Jobs that wait for other jobs."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.jobs import delivery, leases, running, services
from feira.shop.jobs.errors import CannotRetry, GiveUp
from feira.shop.jobs.models import Dependency, Job, State
from feira.shop.jobs.registry import get_kind, job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.store import MessageStore

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]

Capture = Callable[..., AbstractContextManager[list[Any]]]


@pytest.fixture(autouse=True)
def ran(own_kinds: None) -> list[int]:
    """Register `tests.step`, which notes its number, and `tests.broken`, which fails until it is mended."""
    notes: list[int] = []

    @job("tests.step")
    def step(_job: RunningJob, *, n: int = 0) -> None:
        notes.append(n)

    @job("tests.broken")
    def broken(_job: RunningJob) -> None:
        raise GiveUp("The disk is full.")

    return notes


def step(n: int = 0, *after: Job, **terms: Any) -> Job:
    return services.submit("tests.step", {"n": n}, after=after, **terms)


def state(job: Job) -> str:
    job.refresh_from_db()
    return job.state


def mend() -> None:
    """Let `tests.broken` succeed from now on."""

    def works(_job: RunningJob) -> None: ...

    object.__setattr__(get_kind("tests.broken"), "run", works)


def test_a_job_runs_when_all_that_it_waits_for_have_succeeded(ran: list[int]) -> None:
    first, second = step(1), step(2)
    last = step(3, first, second, first)
    assert (last.unmet, running.run(last.pk)) == (2, None)
    running.run(second.pk)
    last.refresh_from_db()
    assert (last.state, last.unmet) == (State.WAITING, 1)
    assert services.run_until_idle() == 2
    assert ran == [2, 1, 3]
    assert Dependency.objects.filter(job=last).count() == 2


def test_a_job_after_jobs_that_have_succeeded_waits_for_nothing() -> None:
    first = step(1)
    services.run_until_idle()
    assert step(2, first).unmet == 0
    assert services.run_until_idle() == 1


def test_nothing_is_handed_out_before_its_time_and_then_in_the_transaction_of_the_last(
    messages: MessageStore, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = step(1)
        second = step(2, first)
    assert messages.ready("default") == 1
    assert services.reconcile().published == 0
    assert not delivery.publish(second.pk, "default") or state(second) == State.WAITING
    with django_capture_on_commit_callbacks(execute=True):
        running.run(first.pk)
        assert state(second) == State.WAITING
    assert (state(second), messages.ready("default")) == (State.QUEUED, 2)


def test_the_reconciler_hands_out_what_its_predecessor_could_not(messages: MessageStore) -> None:
    first = step(1)
    second = step(2, first)
    running.run(first.pk)  # on_commit is not called here, as when the process dies right after the commit
    assert services.reconcile().published == 1
    assert (state(second), messages.ready("default")) == (State.QUEUED, 1)


def test_a_failure_fails_all_that_wait_for_it_however_far_and_names_the_cause(ran: list[int]) -> None:
    broken = services.submit("tests.broken")
    near, other = step(1, broken), step(2)
    far = step(3, near, other)
    services.run_until_idle()
    assert ran == [2]
    for dependant in (near, far):
        assert state(dependant) == State.FAILED
        assert dependant.error == (
            f"It had to wait for job {broken.pk} (tests.broken), which failed: The disk is full."
        )
        assert dependant.failed_for == broken.pk
        assert dependant.finished_at is not None


def test_a_cancellation_fails_what_waits_for_it() -> None:
    first = step(1)
    second = step(2, first)
    assert services.cancel(first)
    assert state(second) == State.FAILED
    assert second.error == f"It had to wait for job {first.pk} (tests.step), which was cancelled"


def test_a_job_after_one_that_has_failed_fails_at_once() -> None:
    broken = services.submit("tests.broken")
    near = step(1, broken)
    services.run_until_idle()
    late = step(2, near)
    assert (late.state, late.failed_for) == (State.FAILED, broken.pk)
    assert "The disk is full" in late.error
    assert services.run_until_idle() == 0


def test_the_death_of_the_last_attempt_and_an_unknown_kind_fail_what_waits() -> None:
    lost, retired = step(1), Job.objects.create(kind="tests.retired", queue="default")
    first, second = step(2, lost), step(3, retired)
    Job.objects.filter(pk=lost.pk).update(attempts=4)
    lost.refresh_from_db()
    assert leases.claim(lost, get_kind("tests.step"))
    Job.objects.filter(pk=lost.pk).update(lease_until=timezone.now())
    assert services.reconcile().failed == 1
    assert state(first) == State.FAILED
    assert f"job {lost.pk}" in first.error
    running.run(retired.pk)
    assert state(second) == State.FAILED
    assert "tests.retired" in second.error


def test_a_retry_brings_back_what_failed_for_it(ran: list[int]) -> None:
    broken = services.submit("tests.broken")
    near = step(1, broken)
    far = step(2, near)
    services.run_until_idle()
    mend()
    assert services.retry(broken).pk == broken.pk
    assert (state(broken), broken.attempts, state(near), state(far)) == ("waiting", 0, "waiting", "waiting")
    assert (near.error, near.failed_for, near.finished_at) == ("", None, None)
    services.run_until_idle()
    assert ran == [1, 2]
    assert state(far) == State.SUCCEEDED


def test_what_waits_for_two_broken_jobs_comes_back_only_with_both(ran: list[int]) -> None:
    one, other = services.submit("tests.broken"), services.submit("tests.broken")
    last = step(1, one, other)
    services.run_until_idle()
    assert state(last) == State.FAILED
    assert last.failed_for == one.pk
    mend()
    services.retry(one)
    assert state(last) == State.FAILED
    assert last.failed_for == other.pk
    services.run_until_idle()
    services.retry(other)
    services.run_until_idle()
    assert (state(last), ran) == (State.SUCCEEDED, [1])


def test_to_retry_a_job_that_failed_for_another_is_to_retry_that_other() -> None:
    broken = services.submit("tests.broken")
    near = step(1, broken)
    services.run_until_idle()
    mend()
    assert services.retry(near).pk == broken.pk
    services.run_until_idle()
    assert state(near) == State.SUCCEEDED


def test_a_cancelled_job_can_be_opened_again(ran: list[int]) -> None:
    cancelled = step(1)
    services.cancel(cancelled)
    services.retry(cancelled)
    services.run_until_idle()
    assert ran == [1]


@pytest.mark.parametrize("standing", [State.WAITING, State.QUEUED, State.SUCCEEDED])
def test_only_what_ended_badly_can_be_retried(standing: State) -> None:
    fine = step(1)
    Job.objects.filter(pk=fine.pk).update(state=standing)
    with pytest.raises(CannotRetry) as caught:
        services.retry(fine)
    assert caught.value.code == "job_cannot_be_retried"
    assert state(fine) == standing


def test_a_retry_is_refused_when_a_newer_job_has_the_key() -> None:
    old = step(1, key="same")
    services.cancel(old)
    newer = step(2, key="same")
    with pytest.raises(CannotRetry, match=f"Job {newer.pk} does the same work"):
        services.retry(old)
    assert state(old) == State.CANCELLED


def test_a_dependant_whose_key_was_taken_stays_failed() -> None:
    broken = services.submit("tests.broken")
    old = step(1, broken, key="same")
    behind = step(3, old)
    services.run_until_idle()
    newer = step(2, key="same")
    mend()
    services.retry(broken)
    assert (state(broken), state(old), state(behind), state(newer)) == ("waiting", "failed", "failed", "waiting")


def test_a_retry_is_refused_when_the_cause_is_forgotten() -> None:
    broken = services.submit("tests.broken")
    near = step(1, broken)
    services.run_until_idle()
    Job.objects.filter(pk=broken.pk).delete()
    with pytest.raises(CannotRetry, match="is forgotten"):
        services.retry(near)
    assert state(near) == State.FAILED


def test_a_job_that_others_wait_for_is_not_forgotten() -> None:
    first, second = step(1), step(2)
    last = step(3, first, second)
    running.run(first.pk)
    Job.objects.update(finished_at=timezone.now() - 2 * services.KEEP_FINISHED)
    assert services.forget_old_work() == 0
    services.cancel(last)
    Job.objects.update(finished_at=timezone.now() - 2 * services.KEEP_FINISHED)
    assert services.forget_old_work() == 2


def test_a_key_finds_the_job_that_waits() -> None:
    first = step(1)
    second = step(2, first, key="k")
    assert step(2, key="k").pk == second.pk
    assert Dependency.objects.count() == 1


@pytest.mark.parametrize("width", [3, 60])
def test_the_end_of_one_of_many_costs_the_same_however_many_there_are(width: int) -> None:
    many = [step(n) for n in range(width)]
    step(99, *many)
    for done in many[:-2]:
        running.run(done.pk)
    with CaptureQueriesContext(connection) as queries:
        running.run(many[-2].pk)
    # Look, claim, finish, who waits for it, one less.
    assert len(queries) == 5


def test_a_thousand_dependants_fail_and_come_back_in_few_queries() -> None:
    broken = services.submit("tests.broken")
    for n in range(1000):
        step(n, broken)
    with CaptureQueriesContext(connection) as queries:
        services.run_until_idle()
    assert Job.objects.filter(failed_for=broken.pk, state=State.FAILED).count() == 1000
    assert len(queries) < 25
    mend()
    with CaptureQueriesContext(connection) as queries:
        services.retry(broken)
    assert Job.objects.filter(state=State.WAITING).count() == 1001
    assert len(queries) < 25


@pytest.mark.django_db(transaction=True)
def test_of_jobs_that_finish_at_once_none_is_missed_by_those_that_are_submitted_meanwhile(ran: list[int]) -> None:
    firsts = [step(n) for n in range(8)]
    start = threading.Barrier(3)

    def finish(mine: list[Job]) -> None:
        try:
            start.wait(10)
            for first in mine:
                running.run(first.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=finish, args=(firsts[part::2],)) for part in range(2)]
    for thread in threads:
        thread.start()
    start.wait(10)
    lasts = []
    for n in range(8):
        with transaction.atomic():
            lasts.append(step(100 + n, *firsts))
    for thread in threads:
        thread.join()
    services.run_until_idle()
    assert [state(last) for last in lasts] == [State.SUCCEEDED] * 8
    assert sorted(ran) == [*range(8), *range(100, 108)]
