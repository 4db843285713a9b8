"""The ledger: submitting, running, trying again, taking back, handing out."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.jobs import delivery, leases, running, selectors, services
from feira.shop.jobs.errors import BadPayload, GiveUp, LeaseLost, UnknownKind
from feira.shop.jobs.models import Job, State, Worker
from feira.shop.jobs.owners import this_process
from feira.shop.jobs.registry import get_kind, job, subscriber
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.store import MessageStore

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]

Capture = Callable[..., AbstractContextManager[list[Any]]]
DEAD_PROCESS = this_process().rsplit("/", 2)[0] + "/4194999/1"


def register(name: str = "tests.work", **terms: Any) -> list[dict[str, Any]]:
    """Register a kind that notes its calls, and return the notes."""
    calls: list[dict[str, Any]] = []

    @job(name, **terms)
    def work(job: RunningJob, *, n: int = 0) -> dict[str, Any]:
        calls.append({"n": n, "attempt": job.attempt})
        return {"n": n}

    return calls


def register_failing(error: BaseException, name: str = "tests.fail", **terms: Any) -> None:
    @job(name, **terms)
    def fail(_job: RunningJob) -> None:
        raise error


def make_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())


# Submitting


def test_an_unknown_kind_is_refused_at_once_and_leaves_no_trace() -> None:
    with pytest.raises(UnknownKind) as caught:
        services.submit("tests.no_such_kind")
    assert caught.value.code == "unknown_job_kind"
    assert not Job.objects.exists()


@pytest.mark.parametrize("payload", [{"m": 1}, {"n": 1, "m": 2}, {"n": object()}])
def test_a_payload_that_does_not_fit_is_refused_at_once(payload: dict[str, Any]) -> None:
    register()
    with pytest.raises(BadPayload):
        services.submit("tests.work", payload)
    assert not Job.objects.exists()


def test_a_kind_cannot_be_taken_twice() -> None:
    register()
    with pytest.raises(ValueError, match="taken"):

        @job("tests.work")
        def other(_job: RunningJob) -> None: ...


def test_a_job_runs_once_with_its_payload_and_keeps_its_result_and_times() -> None:
    calls = register(queue="imagery")
    submitted = services.submit("tests.work", {"n": 3}, requested_by=7)
    assert services.run_until_idle() == 1
    assert services.run_until_idle() == 0
    done = Job.objects.get(pk=submitted.pk)
    assert calls == [{"n": 3, "attempt": 1}]
    assert (done.state, done.result, done.attempts, done.requested_by, done.queue) == (
        State.SUCCEEDED,
        {"n": 3},
        1,
        7,
        "imagery",
    )
    assert done.is_finished
    assert done.took is not None
    assert done.took >= timedelta(0)


def test_only_the_queues_asked_for_are_worked_on() -> None:
    wanted, others = register("tests.a", queue="imagery"), register("tests.b", queue="inference")
    services.submit("tests.a")
    other = services.submit("tests.b")
    assert services.run_until_idle(["imagery"]) == 1
    assert (len(wanted), others) == (1, [])
    assert Job.objects.get(pk=other.pk).state == State.WAITING


def test_a_key_belongs_to_one_unfinished_job_of_a_kind() -> None:
    register()
    register("tests.other")
    first = services.submit("tests.work", {"n": 1}, key="k")
    assert services.submit("tests.work", {"n": 2}, key="k").pk == first.pk
    assert services.submit("tests.work", {"n": 2}, key="l").pk != first.pk
    assert services.submit("tests.other", key="k").pk != first.pk
    services.run_until_idle()
    assert services.submit("tests.work", {"n": 3}, key="k").pk != first.pk


def test_a_job_is_not_run_before_its_time() -> None:
    calls = register()
    later = services.submit("tests.work", run_after=timezone.now() + timedelta(hours=1))
    assert services.run_until_idle() == 0
    make_due(later)
    assert services.run_until_idle() == 1
    assert len(calls) == 1


def test_an_event_submits_a_job_for_each_subscriber() -> None:
    heard: list[tuple[str, int]] = []

    @subscriber("tests.happened")
    @job("tests.first")
    def first(_job: RunningJob, *, n: int) -> None:
        heard.append(("first", n))

    @subscriber("tests.happened")
    @job("tests.second")
    def second(_job: RunningJob, *, n: int) -> None:
        heard.append(("second", n))

    assert [job.kind for job in services.announce("tests.happened", {"n": 5})] == ["tests.first", "tests.second"]
    assert services.announce("tests.nobody_cares") == []
    services.run_until_idle()
    assert heard == [("first", 5), ("second", 5)]


def test_only_a_job_can_subscribe() -> None:
    with pytest.raises(ValueError, match="above @job"):

        @subscriber("tests.happened")
        def no_job(_job: RunningJob) -> None: ...


# Handing out


def test_a_job_is_published_when_its_transaction_commits(
    messages: MessageStore, django_capture_on_commit_callbacks: Capture
) -> None:
    register(queue="inference")
    with django_capture_on_commit_callbacks(execute=True):
        submitted = services.submit("tests.work")
        assert messages.ready("inference") == 0
    assert messages.ready("inference") == 1
    published = Job.objects.get(pk=submitted.pk)
    assert (published.state, published.publish_count) == (State.QUEUED, 1)


@pytest.mark.django_db(transaction=True)
def test_the_jobs_of_one_transaction_are_published_together(messages: MessageStore) -> None:
    register()
    register("tests.picture", queue="imagery")
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        for n in range(20):
            services.submit("tests.work", {"n": n})
        services.submit("tests.picture")
        services.submit("tests.work", run_after=timezone.now() + timedelta(hours=1))
        with suppress(OSError), transaction.atomic():
            undone = services.submit("tests.work")
            raise OSError("changed their mind")
        assert messages.ready("default") == 0
    noted = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert len(noted) == 2, "one for each queue"
    assert (messages.ready("default"), messages.ready("imagery")) == (20, 1)
    assert Job.objects.filter(state=State.QUEUED, publish_count=1).count() == 21
    assert not Job.objects.filter(pk=undone.pk, state=State.QUEUED).exists()


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_published_with_what_comes_after_it(messages: MessageStore) -> None:
    register()
    with suppress(OSError), transaction.atomic():
        services.submit("tests.work", {"n": 1})
        raise OSError("changed their mind")
    kept = services.submit("tests.work", {"n": 2})
    assert messages.ready("default") == 1
    assert list(Job.objects.values_list("pk", "state")) == [(kept.pk, State.QUEUED)]


def test_what_waits_for_its_commit_is_not_published_with_another(
    messages: MessageStore, django_capture_on_commit_callbacks: Capture
) -> None:
    register()
    first = services.submit("tests.work")
    with django_capture_on_commit_callbacks(execute=True):
        services.submit("tests.work")
    assert messages.ready("default") == 1
    first.refresh_from_db()
    assert first.state == State.WAITING


def test_what_was_never_published_is_published_by_the_reconciler_once(messages: MessageStore) -> None:
    register()
    services.submit("tests.work")
    services.submit("tests.work", run_after=timezone.now() + timedelta(hours=1))
    assert services.reconcile().published == 1
    assert services.reconcile().published == 0
    assert messages.ready("default") == 1


@pytest.mark.parametrize(("publish_count", "patience_s"), [(1, 60), (2, 120), (6, 1920), (7, 3600), (40, 3600)])
def test_patience_doubles_with_every_publication_up_to_an_hour(publish_count: int, patience_s: int) -> None:
    register()
    now = timezone.now()
    submitted = services.submit("tests.work")
    row = Job.objects.filter(pk=submitted.pk)
    row.update(state=State.QUEUED, publish_count=publish_count, published_at=now - timedelta(seconds=patience_s - 1))
    assert selectors.jobs_to_publish_again(now=now, most=9) == []
    row.update(published_at=now - timedelta(seconds=patience_s + 1))
    assert selectors.jobs_to_publish_again(now=now, most=9) == [submitted]


def test_a_day_without_workers_costs_a_bounded_number_of_messages(messages: MessageStore) -> None:
    register()
    submitted = services.submit("tests.work")
    row = Job.objects.filter(pk=submitted.pk)
    published = 0
    for _minute in range(24 * 60):
        if selectors.jobs_never_published("default", now=timezone.now(), most=1) or selectors.jobs_to_publish_again(
            now=timezone.now(), most=1
        ):
            published += delivery.publish_due()
        last = row.get().published_at
        assert last is not None
        row.update(published_at=last - timedelta(minutes=1))
    # Seven times with growing patience, then once an hour.
    assert published == messages.ready("default")
    assert 24 <= published <= 32


def test_no_more_than_the_cap_is_handed_to_the_broker(
    messages: MessageStore, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Capture
) -> None:
    register()
    monkeypatch.setattr(delivery, "MOST_OUTSTANDING", 3)
    with django_capture_on_commit_callbacks(execute=True):
        for n in range(5):
            services.submit("tests.work", {"n": n})
    assert messages.ready("default") == 3
    assert services.reconcile().published == 0
    services.run_until_idle()
    assert Job.objects.filter(state=State.SUCCEEDED).count() == 5


# Trying again


def test_a_failure_is_tried_again_after_a_growing_wait_and_fails_in_the_end() -> None:
    register_failing(ValueError("no luck"), max_attempts=3, backoff_s=10)
    submitted = services.submit("tests.fail")
    waits: list[float] = []
    for _attempt in range(2):
        before = timezone.now()
        assert services.run_until_idle() == 1
        again = Job.objects.get(pk=submitted.pk)
        assert (again.state, again.publish_count) == (State.WAITING, 0)
        assert "ValueError: no luck" in again.error
        waits.append((again.run_after - before).total_seconds())
        make_due(again)
    assert 5 <= waits[0] <= 10.5
    assert 10 <= waits[1] <= 20.5
    services.run_until_idle()
    failed = Job.objects.get(pk=submitted.pk)
    assert (failed.state, failed.attempts) == (State.FAILED, 3)
    assert "attempt 3 of 3" in failed.error
    assert failed.took is not None


def test_the_wait_is_bounded_however_often_a_job_failed() -> None:
    register_failing(OSError("away"), max_attempts=2000, max_backoff_s=30)
    submitted = services.submit("tests.fail")
    Job.objects.filter(pk=submitted.pk).update(attempts=1500)
    before = timezone.now()
    services.run_until_idle()
    assert 15 <= (Job.objects.get(pk=submitted.pk).run_after - before).total_seconds() <= 30.5


def test_giving_up_fails_at_once() -> None:
    register_failing(GiveUp("The photo is gone."), max_attempts=5)
    submitted = services.submit("tests.fail")
    services.run_until_idle()
    failed = Job.objects.get(pk=submitted.pk)
    assert (failed.state, failed.attempts, failed.error) == (State.FAILED, 1, "The photo is gone.")


def test_a_worker_that_has_to_stop_gives_its_job_back_uncounted() -> None:
    register_failing(SystemExit(143), max_attempts=1)
    submitted = services.submit("tests.fail")
    with pytest.raises(SystemExit):
        running.run(submitted.pk)
    back = Job.objects.get(pk=submitted.pk)
    assert (back.state, back.attempts) == (State.WAITING, 0)


def test_a_kind_that_no_app_registers_any_more_fails_with_its_name() -> None:
    submitted = Job.objects.create(kind="tests.retired", queue="default")
    assert running.run(submitted.pk) == State.FAILED
    failed = Job.objects.get(pk=submitted.pk)
    assert "tests.retired" in failed.error
    assert failed.finished_at is not None


# Leases


def test_only_one_of_two_claims_gets_the_job() -> None:
    register()
    submitted = services.submit("tests.work")
    same = Job.objects.get(pk=submitted.pk)
    assert leases.claim(submitted, get_kind("tests.work")) is not None
    assert leases.claim(same, get_kind("tests.work")) is None
    assert running.run(submitted.pk) is None


def test_effects_and_success_are_kept_together() -> None:
    register("tests.next")

    @job("tests.half")
    def half(job: RunningJob) -> None:
        with job.committing():
            services.submit("tests.next")
            if job.attempt == 1:
                raise OSError("disk full")

    submitted = services.submit("tests.half")
    services.run_until_idle()
    assert not Job.objects.filter(kind="tests.next").exists()
    make_due(submitted)
    services.run_until_idle()
    assert Job.objects.filter(kind="tests.next").count() == 1


def test_a_worker_whose_lease_was_taken_keeps_nothing() -> None:
    register("tests.next")

    @job("tests.slow")
    def slow(job: RunningJob) -> None:
        if job.attempt == 1:
            # Meanwhile this worker is thought dead, and another one does the whole job.
            Job.objects.filter(pk=job.id).update(lease_until=timezone.now() - timedelta(seconds=1))
            assert services.reconcile().taken_back == 1
            assert running.run(job.id) == State.SUCCEEDED
        with job.committing() as result:
            services.submit("tests.next", {"n": job.attempt})
            result["by"] = job.attempt

    submitted = services.submit("tests.slow")
    assert running.run(submitted.pk) is None
    done = Job.objects.get(pk=submitted.pk)
    assert (done.state, done.attempts, done.result) == (State.SUCCEEDED, 2, {"by": 2})
    assert [next_one.payload for next_one in Job.objects.filter(kind="tests.next")] == [{"n": 2}]


def test_progress_is_kept_and_stops_a_cancelled_job() -> None:
    items: list[int] = []

    @job("tests.items")
    def work_on_items(job: RunningJob) -> None:
        job.progress(0, 3, "first item")
        ((seen),) = Job.objects.filter(pk=job.id).values_list("progress_total", "progress_message")
        assert seen == (3, "first item")
        for done in range(3):
            items.append(done)
            if done == 1:
                services.cancel(Job.objects.get(pk=job.id))
                job.progress(3, 3)

    submitted = services.submit("tests.items")
    assert running.run(submitted.pk) is None
    assert items == [0, 1]
    cancelled = Job.objects.get(pk=submitted.pk)
    assert cancelled.state == State.CANCELLED
    assert not services.cancel(cancelled)


def test_a_result_may_also_be_returned_after_committing() -> None:
    @job("tests.both")
    def both(job: RunningJob) -> dict[str, int]:
        with job.committing():
            pass
        return {"rows": 4}

    submitted = services.submit("tests.both")
    services.run_until_idle()
    assert Job.objects.get(pk=submitted.pk).result == {"rows": 4}


def test_a_job_whose_worker_fell_silent_is_taken_back_or_fails_after_its_last_attempt() -> None:
    register(max_attempts=2)
    again, last = services.submit("tests.work"), services.submit("tests.work")
    for submitted, attempts in ((again, 0), (last, 1)):
        Job.objects.filter(pk=submitted.pk).update(attempts=attempts)
        submitted.refresh_from_db()
        assert leases.claim(submitted, get_kind("tests.work")) is not None
    assert services.reconcile() == services.Reconciled(published=0)
    Job.objects.filter(state=State.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.reconcile() == services.Reconciled(taken_back=1, failed=1, published=1)
    again.refresh_from_db()
    last.refresh_from_db()
    assert (again.state, last.state) == (State.QUEUED, State.FAILED)
    assert "died or fell silent" in last.error


def test_a_job_of_a_process_that_is_dead_on_this_machine_is_taken_back_before_its_lease_ends() -> None:
    register()
    submitted = services.submit("tests.work")
    assert leases.claim(submitted, get_kind("tests.work")) is not None
    Job.objects.update(lease_owner="elsewhere/1/4194999/1")
    assert services.reconcile().taken_back == 0
    Job.objects.update(lease_owner=DEAD_PROCESS)
    assert services.reconcile().taken_back == 1


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_the_handler_works() -> None:
    terms: list[datetime | None] = []

    @job("tests.long", lease_s=0.6)
    def long(job: RunningJob) -> None:
        waiting = threading.Event()
        for _ in range(2):
            terms.append(Job.objects.values_list("lease_until", flat=True).get(pk=job.id))
            waiting.wait(0.5)
        assert services.reconcile().taken_back == 0

    submitted = services.submit("tests.long")
    services.run_until_idle()
    assert Job.objects.get(pk=submitted.pk).state == State.SUCCEEDED
    assert terms[0] is not None
    assert terms[1] is not None
    assert terms[0] < terms[1]


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_that_claim_the_same_jobs_each_job_goes_to_one() -> None:
    register()
    submitted = [services.submit("tests.work", {"n": n}) for n in range(6)]
    won: list[int] = []
    start = threading.Barrier(4)

    def claim_all() -> None:
        try:
            mine = list(Job.objects.filter(pk__in=[job.pk for job in submitted]).order_by("pk"))
            start.wait(10)
            won.extend(job.pk for job in mine if leases.claim(job, get_kind("tests.work")))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [job.pk for job in submitted]


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_that_claim_what_goes_first_each_job_goes_to_one() -> None:
    register()
    submitted = [services.submit("tests.work", {"n": n}) for n in range(24)]
    # Both states that a job may be claimed in.
    Job.objects.filter(pk__in=[job.pk for job in submitted[::2]]).update(state=State.WAITING)
    won: list[int] = []
    start = threading.Barrier(4)

    def claim_all() -> None:
        try:
            start.wait(10)
            while taken := leases.claim_first(submitted[0].pk):
                won.append(taken[0].job_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [job.pk for job in submitted]
    held = Job.objects.values_list("state", "lease_token", "attempts")
    assert len({token for _state, token, _attempts in held}) == 24
    assert {(state, attempts) for state, _token, attempts in held} == {(State.RUNNING, 1)}


@pytest.mark.parametrize(("terms", "lease_s"), [({}, 60.0), ({"lease_s": 7.0}, 7.0)])
def test_what_goes_first_is_claimed_for_the_term_of_its_kind(terms: dict[str, Any], lease_s: float) -> None:
    register("tests.other", lease_s=90.0)
    register(**terms)
    submitted = services.submit("tests.work", {"n": 4})
    before = timezone.now()
    taken = leases.claim_first(submitted.pk)
    assert taken is not None
    claimed, lease = taken
    assert (claimed.kind, claimed.payload, claimed.attempt) == ("tests.work", {"n": 4}, 1)
    assert (lease.job_id, lease.seconds) == (submitted.pk, lease_s)
    submitted.refresh_from_db()
    assert submitted.lease_until is not None
    assert submitted.started_at is not None
    assert submitted.lease_until - submitted.started_at == timedelta(seconds=lease_s)
    assert before <= submitted.started_at <= timezone.now()
    assert submitted.lease_owner == this_process()


def test_a_job_of_an_unknown_kind_fails_when_its_turn_comes() -> None:
    register()
    submitted = services.submit("tests.work")
    Job.objects.filter(pk=submitted.pk).update(kind="tests.of_yesterday")
    behind = services.submit("tests.work", after=[submitted])
    assert running.run_first(submitted.pk) == State.FAILED
    submitted.refresh_from_db()
    behind.refresh_from_db()
    assert "tests.of_yesterday" in submitted.error
    assert (submitted.state, behind.state, behind.failed_for) == (State.FAILED, State.FAILED, submitted.pk)


@pytest.mark.django_db(transaction=True)
def test_of_two_that_submit_the_same_key_at_once_both_get_the_same_job() -> None:
    register()
    got: list[int] = []
    start = threading.Barrier(4)

    def submit() -> None:
        try:
            start.wait(10)
            with transaction.atomic():
                got.append(services.submit("tests.work", key="same", run_after=timezone.now() + timedelta(1)).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    assert len(set(got)) == 1


# Keeping house


def test_finished_work_is_forgotten_after_a_month_but_no_parent_of_unfinished_work() -> None:
    register()
    old = timezone.now() - timedelta(days=31)
    parent, lone, young = (services.submit("tests.work") for _ in range(3))
    child = services.submit("tests.work", parent=parent)
    Job.objects.exclude(pk=child.pk).update(state=State.SUCCEEDED, finished_at=old)
    Job.objects.filter(pk=young.pk).update(finished_at=timezone.now())
    assert services.forget_old_work() == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {parent.pk, child.pk, young.pk}
    assert not Job.objects.filter(pk=lone.pk).exists()


def test_workers_count_while_they_show_themselves_and_live() -> None:
    now = timezone.now()
    Worker.objects.create(owner=this_process(), seen_at=now)
    Worker.objects.create(owner="elsewhere/1/2/3", seen_at=now)
    Worker.objects.create(owner=DEAD_PROCESS, seen_at=now)
    Worker.objects.create(owner="elsewhere/1/9/9", seen_at=now - timedelta(minutes=1))
    assert services.workers_alive() == 2


def test_a_lost_lease_says_so() -> None:
    register()
    submitted = services.submit("tests.work")
    lease = leases.claim(submitted, get_kind("tests.work"))
    assert lease is not None
    services.cancel(submitted)
    with pytest.raises(LeaseLost) as caught:
        leases.renew(lease)
    assert caught.value.facts == {"job_id": submitted.pk}


def test_who_waited_for_a_turn_takes_what_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    submitted = services.submit("tests.work")
    before_the_wait = iter([submitted.run_after - timedelta(seconds=1)])
    clock = SimpleNamespace(now=lambda: next(before_the_wait, timezone.now()))
    monkeypatch.setattr(leases, "timezone", clock)
    taken = leases.claim_first(submitted.pk)
    assert taken is not None
    assert taken[0].job_id == submitted.pk
