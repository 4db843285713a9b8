"""Getting over brokers that forget and databases that are started again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from feira.shop.jobs import delivery, leases, patience, pickup, running, selectors, services
from feira.shop.jobs.models import Job, State, Worker
from feira.shop.jobs.owners import this_process
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.store import MessageStore

pytestmark = pytest.mark.usefixtures("own_kinds")


def register() -> None:
    @job("tests.work")
    def work(_job: RunningJob) -> None: ...


def show_worker(concurrency: int = 2, queues: tuple[str, ...] = ("default",)) -> Worker:
    return Worker.objects.create(owner=this_process(), queues=list(queues), concurrency=concurrency)


def published(ago_s: float, count: int = 1) -> Job:
    """Return a job whose message is nowhere."""
    submitted = services.submit("tests.work")
    at = timezone.now() - timedelta(seconds=ago_s)
    Job.objects.filter(pk=submitted.pk).update(state=State.QUEUED, published_at=at, publish_count=count)
    return submitted


@pytest.mark.django_db
def test_what_a_broker_has_lost_is_handed_out_again_as_soon_as_somebody_is_free(messages: MessageStore) -> None:
    register()
    show_worker(concurrency=2)
    for _number in range(3):
        published(ago_s=6)
    assert delivery.publish_due() == 2, "not more than there are places"
    assert messages.ready("default") == 2


@pytest.mark.django_db
def test_nothing_is_handed_out_again_while_nobody_is_there_who_could_have_taken_it(messages: MessageStore) -> None:
    register()
    published(ago_s=6)
    assert delivery.publish_due() == 0
    worker = show_worker(queues=("imagery",))
    assert delivery.publish_due() == 0
    worker.queues = ["default"]
    worker.seen_at = timezone.now() - timedelta(seconds=30)
    worker.save()
    assert delivery.publish_due() == 0
    assert messages.ready("default") == 0


@pytest.mark.django_db
def test_nothing_is_handed_out_again_while_all_who_are_there_are_busy() -> None:
    register()
    show_worker(concurrency=1)
    published(ago_s=6)
    busy = published(ago_s=6)
    Job.objects.filter(pk=busy.pk).update(state=State.RUNNING, lease_token="t", lease_until=timezone.now())
    assert delivery.publish_due() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "patience_s"), [(1, 5), (2, 10), (5, 80)])
def test_patience_with_a_message_that_nobody_took_doubles_every_time(count: int, patience_s: int) -> None:
    register()
    now = timezone.now()
    early, late = published(patience_s - 2, count), published(patience_s + 2, count)
    assert early != late
    assert selectors.jobs_missed("default", now=now, most=9) == [late]


def broken_for(times: int, move: Callable[..., object]) -> Callable[..., object]:
    """Return a move as it is over a database that answers only after some tries."""
    left = [times]

    def moving(*arguments: object, **facts: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OperationalError("the connection is closed")
        return move(*arguments, **facts)

    return moving


def submit_failing() -> Job:
    @job("tests.fail")
    def fail(_job: RunningJob) -> None:
        raise OperationalError("terminating connection")

    return services.submit("tests.fail")


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_failed_with_the_database_ends_when_that_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = submit_failing()
    monkeypatch.setattr(patience, "WAITS_S", (0.0, 0.0))
    monkeypatch.setattr(leases, "retry_later", broken_for(2, leases.retry_later))
    assert running.run(submitted.pk) == State.WAITING
    row = Job.objects.get()
    assert (row.state, row.attempts, row.lease_until) == (State.WAITING, 1, None)


@pytest.mark.django_db(transaction=True)
def test_an_attempt_whose_database_stays_away_is_left_to_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = submit_failing()
    monkeypatch.setattr(patience, "WAITS_S", (0.0, 0.0))
    monkeypatch.setattr(leases, "retry_later", broken_for(9, leases.retry_later))
    with pytest.raises(OperationalError):
        running.run(submitted.pk)
    assert Job.objects.get().state == State.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_message_is_kept_in_hand_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    submitted = services.submit("tests.work")
    monkeypatch.setattr(patience, "WAITS_S", (0.0, 0.0))
    monkeypatch.setattr(running, "run_first", broken_for(2, running.run_first))
    pickup.run_job(submitted.pk)
    assert Job.objects.get().state == State.SUCCEEDED
