"""Which job a message leads to: priorities, and messages about jobs that ran already."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.jobs import delivery, services
from feira.shop.jobs.models import Job, Priority, State
from feira.shop.jobs.pickup import run_next
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.store import MessageStore

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]


@pytest.fixture(autouse=True)
def ran(own_kinds: None) -> list[int]:
    """Register kinds that note the numbers of their jobs in the order in which they run."""
    numbers: list[int] = []

    def note(job: RunningJob) -> None:
        numbers.append(job.id)

    job("tests.work")(note)
    job("tests.elsewhere", queue="imagery", priority=Priority.SOON)(note)
    return numbers


def submit(priority: Priority | None = None, kind: str = "tests.work") -> int:
    return services.submit(kind, priority=priority).pk


def test_a_message_runs_what_goes_first_in_its_queue_and_the_other_message_runs_the_rest(ran: list[int]) -> None:
    whenever, normal = submit(Priority.WHENEVER), submit()
    submit(kind="tests.elsewhere")
    later, soon = submit(), submit(Priority.SOON)
    for message in (whenever, normal, later, soon, soon):
        run_next(message)
    assert ran == [soon, normal, later, whenever]


def test_a_job_that_may_not_run_lets_the_next_one_go(ran: list[int]) -> None:
    far = services.submit("tests.work", run_after=timezone.now() + timedelta(hours=1), priority=Priority.SOON)
    bound = services.submit("tests.work", after=[far], priority=Priority.SOON)
    free = submit(Priority.WHENEVER)
    assert run_next(bound.pk) == State.SUCCEEDED
    assert run_next(bound.pk) is None
    assert run_next(0) is None
    assert ran == [free]


def test_the_priority_is_that_of_the_kind_unless_another_is_asked_for() -> None:
    number = submit(kind="tests.elsewhere")
    assert Job.objects.get(pk=number).priority == Priority.SOON
    number = submit(Priority.WHENEVER, kind="tests.elsewhere")
    assert Job.objects.get(pk=number).priority == Priority.WHENEVER


def test_without_a_worker_urgent_jobs_go_first_too(ran: list[int]) -> None:
    whenever, soon = submit(Priority.WHENEVER), submit(Priority.SOON)
    services.run_until_idle()
    assert ran == [soon, whenever]


@pytest.mark.parametrize("waiting", [2, 40])
def test_a_job_costs_three_queries_however_many_wait(waiting: int) -> None:
    numbers = [submit() for _ in range(waiting)]
    with CaptureQueriesContext(connection) as queries:
        run_next(numbers[0])
    # Choose and claim, finish, who waits for it.
    assert len(queries) == 3


def test_a_full_queue_leaves_room_for_the_others(messages: MessageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_OUTSTANDING", 3)
    for _ in range(5):
        submit(Priority.WHENEVER)
    urgent = submit(Priority.SOON)
    submit(kind="tests.elsewhere")
    assert services.reconcile().published == 4
    assert (messages.ready("default"), messages.ready("imagery")) == (3, 1)
    assert Job.objects.get(pk=urgent).state == State.QUEUED
