"""Items: many like things in one job, of which a repeated job does only what is missing."""

import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.jobs import leases, running, selectors, services
from feira.shop.jobs.errors import ItemNotOpen, LeaseLost
from feira.shop.jobs.models import ItemState, Job, JobItem, State
from feira.shop.jobs.registry import get_kind, job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.selectors import ItemCounts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]

Handler = Callable[[RunningJob], None]


def running_job(**terms: float) -> RunningJob:
    """Return a job that this test has claimed."""

    @job("tests.by_hand", **terms)  # type: ignore[arg-type]  # numbers of any term
    def by_hand(_job: RunningJob) -> None: ...

    submitted = services.submit("tests.by_hand")
    lease = leases.claim(submitted, get_kind("tests.by_hand"))
    assert lease is not None
    return RunningJob(lease)


def submit(handler: Handler, **terms: float) -> Job:
    job("tests.items", **terms)(handler)  # type: ignore[arg-type]  # a handler returns nothing or a result
    return services.submit("tests.items")


def make_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())


def test_items_are_planned_once_and_come_in_their_order() -> None:
    mine = running_job()
    assert mine.items.plan(["b", "a"]) == ItemCounts(waiting=2)
    mine.items.finish("b", {"bytes": 3})
    assert mine.items.plan(["a", "b", "c"]) == ItemCounts(waiting=2, done=1)
    assert list(mine.items.todo()) == ["a", "c"]
    done = JobItem.objects.get(name="b")
    assert (done.state, done.attempts, done.result, done.error) == (ItemState.DONE, 1, {"bytes": 3}, "")
    row = Job.objects.get(pk=mine.id)
    assert (row.progress_done, row.progress_total) == (1, 3)


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    mine = running_job()
    with pytest.raises(ValueError, match="no name for an item"):
        mine.items.plan(["fine", name])
    assert mine.items.plan(["x" * 200, "quote\"'; %s é"]).waiting == 2
    assert list(mine.items.todo()) == ["x" * 200, "quote\"'; %s é"]


def test_another_attempt_sees_only_what_is_missing_and_what_failed_comes_first() -> None:
    seen: list[list[str]] = []

    def work(mine: RunningJob) -> None:
        mine.items.plan("abcd")
        seen.append([])
        for name in mine.items.todo():
            seen[-1].append(name)
            if name == "c" and mine.attempt == 1:
                mine.items.fail(name, "Not readable.")
            elif name == "d" and mine.attempt == 1:
                raise OSError("away")
            else:
                mine.items.finish(name)
        mine.items.require_done()

    submitted = submit(work)
    services.run_until_idle()
    failed = JobItem.objects.get(name="c")
    assert (failed.state, failed.attempts, failed.error) == (ItemState.FAILED, 1, "Not readable.")
    make_due(submitted)
    services.run_until_idle()
    assert seen == [["a", "b", "c", "d"], ["c", "d"]]
    failed.refresh_from_db()
    assert (failed.state, failed.attempts, failed.error) == (ItemState.DONE, 2, "")
    submitted.refresh_from_db()
    assert (submitted.state, submitted.progress_done, submitted.progress_total) == (State.SUCCEEDED, 4, 4)


def test_a_job_whose_items_failed_fails_and_a_person_may_have_the_missing_ones_done() -> None:
    done: list[str] = []
    is_mended: list[bool] = []

    def work(mine: RunningJob) -> None:
        mine.items.plan("abc")
        for name in mine.items.todo():
            if name == "b" and not is_mended:
                mine.items.fail(name, "Not readable.")
            else:
                done.append(name)
                mine.items.finish(name)
        mine.items.require_done()

    submitted = submit(work, max_attempts=1)
    services.run_until_idle()
    submitted.refresh_from_db()
    assert submitted.state == State.FAILED
    assert "1 of 3 items failed, 0 were not reached. The first: b: Not readable." in submitted.error
    is_mended.append(True)
    services.retry(submitted)
    services.run_until_idle()
    submitted.refresh_from_db()
    assert (submitted.state, submitted.attempts, done) == (State.SUCCEEDED, 1, ["a", "c", "b"])


def test_an_item_that_fails_comes_up_once_in_a_round() -> None:
    mine = running_job()
    mine.items.plan(str(n) for n in range(7))
    seen: list[str] = []
    for names in mine.items.batches(3):
        assert len(names) <= 3
        seen.extend(names)
        mine.items.fail_many(dict.fromkeys(names, "No."))
    assert seen == list("0123456")
    assert list(mine.items.todo()) == list("0123456")


def test_effects_and_the_note_that_items_are_done_are_kept_together() -> None:
    mine = running_job()
    mine.items.plan("ab")
    with pytest.raises(ItemNotOpen), mine.committing_items(["a", "b", "x"]):
        services.submit("tests.by_hand", key="effect")
    assert not Job.objects.filter(key="effect").exists()
    assert mine.items.counts() == ItemCounts(waiting=2)
    with mine.committing_items(["a", "b"]) as results:
        services.submit("tests.by_hand", key="effect")
        results["a"] = {"n": 1}
    assert Job.objects.filter(key="effect").exists()
    assert mine.items.counts() == ItemCounts(done=2)
    assert dict(JobItem.objects.values_list("name", "result")) == {"a": {"n": 1}, "b": None}


def test_a_worker_whose_job_was_taken_finishes_no_item() -> None:
    mine = running_job()
    mine.items.plan("ab")
    Job.objects.filter(pk=mine.id).update(lease_until=timezone.now())
    assert services.reconcile().taken_back == 1
    with pytest.raises(LeaseLost), mine.committing_items(["a"]):
        services.submit("tests.by_hand", key="effect")
    for move in (lambda: mine.items.fail("a", "No."), lambda: mine.items.finish("a"), lambda: mine.items.plan("c")):
        with pytest.raises(LeaseLost):
            move()
    assert not Job.objects.filter(key="effect").exists()
    assert mine.items.counts() == ItemCounts(waiting=2)


def test_a_cancelled_job_stops_between_two_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feira.shop.jobs.items.LOOK_EVERY_S", 0.0)
    seen: list[str] = []

    def work(mine: RunningJob) -> None:
        mine.items.plan("abc")
        for name in mine.items.todo():
            seen.append(name)
            if name == "b":
                services.cancel(Job.objects.get(pk=mine.id))

    submitted = submit(work)
    assert running.run(submitted.pk) is None
    assert seen == ["a", "b"]
    submitted.refresh_from_db()
    assert submitted.state == State.CANCELLED


@pytest.mark.parametrize("names", [["x"], ["b", "x"], ["a"]])
def test_only_open_items_of_the_job_can_be_finished_and_else_nothing_is(names: list[str]) -> None:
    other, mine = running_job(), running_job()
    other.items.plan("x")
    mine.items.plan("ab")
    mine.items.finish("a")
    with pytest.raises(ItemNotOpen):
        mine.items.finish_many(dict.fromkeys(names))
    with pytest.raises(ItemNotOpen):
        mine.items.fail_many(dict.fromkeys(names, "No."))
    assert (mine.items.counts(), other.items.counts()) == (ItemCounts(waiting=1, done=1), ItemCounts(waiting=1))
    assert Job.objects.get(pk=mine.id).progress_done == 1


def test_counts_of_many_jobs_take_one_query() -> None:
    one, other, bare = running_job(), running_job(), running_job()
    one.items.plan("abc")
    other.items.plan("a")
    other.items.fail("a", "No.")
    with CaptureQueriesContext(connection) as queries:
        counts = selectors.item_counts([one.id, other.id, bare.id])
    assert counts == {one.id: ItemCounts(waiting=3), other.id: ItemCounts(failed=1), bare.id: ItemCounts()}
    assert len(queries) == 1


def test_a_hundred_thousand_items_are_planned_and_done_in_seconds() -> None:
    mine = running_job()
    started = time.monotonic()
    assert mine.items.plan(f"photo-{n}" for n in range(100_000)).waiting == 100_000
    planned_s = time.monotonic() - started
    started = time.monotonic()
    for names in mine.items.batches(1000):
        mine.items.finish_many(dict.fromkeys(names))
        if int(names[-1].removeprefix("photo-")) >= 19_999:
            break
    finished_s = time.monotonic() - started
    assert mine.items.counts() == ItemCounts(waiting=80_000, done=20_000)
    # Ten times what it takes on a machine that has nothing else to do.
    assert planned_s < 20
    assert finished_s < 30
    print(f"planned {planned_s:.1f} s, 20,000 finished in {finished_s:.1f} s")  # noqa: T201 - shown with -s
