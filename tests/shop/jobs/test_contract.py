"""What jobs promise, over every broker, with real workers that are really killed."""

import os
import signal

import pytest

from feira.shop.jobs.owners import is_surely_gone
from tests.shop.jobs.processes import Shop, wait_until

pytestmark = pytest.mark.system


def test_a_submitted_job_is_done_once_and_its_result_kept(shop: Shop) -> None:
    shop.worker()
    (job_id,) = shop.submit({"seconds": 0.0})
    wait_until(lambda: shop.state(job_id) == "succeeded", "the job is done")
    assert shop.rows("SELECT attempts, result, error FROM jobs_job WHERE id = ?", job_id) == [(1, '{"attempt": 1}', "")]
    assert (shop.traces("execution", job_id), shop.traces("effect", job_id)) == (1, 1)


def test_many_jobs_are_each_done_once(shop: Shop) -> None:
    shop.worker()
    job_ids = shop.submit(*[{"seconds": 0.0}] * 60)
    wait_until(lambda: all(shop.state(job_id) == "succeeded" for job_id in job_ids), "all jobs are done")
    assert [shop.traces("effect", job_id) for job_id in job_ids] == [1] * 60


def test_a_job_submitted_in_a_rolled_back_transaction_never_runs(shop: Shop) -> None:
    shop.worker()
    undone = shop.order("submit_and_roll_back")
    # The database may give the number out again, so the later job is told from the undone one by its count.
    (job_id,) = shop.submit({"seconds": 0.0})
    wait_until(lambda: shop.state(job_id) == "succeeded", "the later job is done")
    assert undone == job_id or not shop.rows("SELECT 1 FROM jobs_job WHERE id = ?", undone)
    assert shop.traces("execution", undone) == (1 if undone == job_id else 0)


def test_a_job_survives_the_kill_of_its_worker_and_has_its_effect_once(shop: Shop) -> None:
    worker = shop.worker()
    shop.beat()
    (job_id,) = shop.submit({"seconds": 0.7})
    wait_until(lambda: shop.traces("execution", job_id) == 1, "the job runs")
    worker.kill()
    assert shop.state(job_id) in ("running", "waiting")
    assert shop.traces("effect", job_id) == 0
    shop.worker()
    wait_until(lambda: shop.state(job_id) == "succeeded", "the job is done after all", patience_s=12)
    assert shop.rows("SELECT attempts FROM jobs_job WHERE id = ?", job_id) == [(2,)]
    assert (shop.traces("execution", job_id), shop.traces("effect", job_id)) == (2, 1)


def test_a_job_survives_the_kill_of_the_child_that_runs_it(shop: Shop) -> None:
    worker = shop.worker()
    shop.beat()
    (job_id,) = shop.submit({"seconds": 0.7})
    wait_until(lambda: shop.traces("execution", job_id) == 1, "the job runs")
    ((owner,),) = shop.rows("SELECT lease_owner FROM jobs_job WHERE id = ?", job_id)
    child = int(owner.split("/")[-2])
    assert child != worker.process.pid
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: shop.state(job_id) == "succeeded", "the job is done after all", patience_s=12)
    assert worker.process.poll() is None
    assert (shop.traces("execution", job_id), shop.traces("effect", job_id)) == (2, 1)


def test_a_stopping_worker_gives_its_job_back_without_counting_the_attempt(shop: Shop) -> None:
    worker = shop.worker()
    (job_id,) = shop.submit({"seconds": 3.0})
    wait_until(lambda: shop.traces("execution", job_id) == 1, "the job runs")
    worker.stop()
    assert shop.rows("SELECT attempts, lease_until FROM jobs_job WHERE id = ?", job_id) == [(0, None)]
    assert shop.state(job_id) in ("waiting", "queued")
    present = [owner for (owner,) in shop.rows("SELECT owner FROM jobs_worker")]
    assert not any(f"/{worker.process.pid}/" in owner for owner in present)
    assert shop.traces("effect", job_id) == 0


def test_a_job_waits_for_others_and_runs_when_the_last_of_them_is_done(shop: Shop) -> None:
    shop.worker()
    slow, quick = shop.submit({"seconds": 0.6}, {"seconds": 0.0})
    last = shop.submit_one("chaos.work", after=[slow, quick])
    wait_until(lambda: shop.state(last) == "succeeded", "the last one is done")
    ((ended,),) = shop.rows("SELECT max(finished_at) FROM jobs_job WHERE id IN (?, ?)", slow, quick)
    ((published, started),) = shop.rows("SELECT published_at, started_at FROM jobs_job WHERE id = ?", last)
    assert ended <= published <= started


def test_the_failure_of_one_fails_what_waits_and_a_retry_brings_it_back(shop: Shop) -> None:
    shop.worker()
    shop.beat()
    first = shop.submit_one("chaos.stubborn")
    near = shop.submit_one("chaos.work", after=[first])
    far = shop.submit_one("chaos.work", after=[near])
    wait_until(lambda: shop.state(far) == "failed", "the failure has spread")
    for number in (near, far):
        ((error,),) = shop.rows("SELECT error FROM jobs_job WHERE id = ?", number)
        assert error.startswith(f"It had to wait for job {first} (chaos.stubborn), which failed: It took longer")
    assert shop.order("retry", job=far) == first
    assert shop.state(near) == "waiting"
    shop.order("cancel", job=first)
    wait_until(lambda: shop.state(far) == "failed", "the cancellation has spread")


def test_a_killed_job_goes_on_with_the_items_that_are_missing(shop: Shop) -> None:
    worker = shop.worker()
    shop.beat()
    number = shop.submit_one("chaos.items", {"count": 20, "seconds": 0.15, "failing": "item-1"})
    wait_until(lambda: len(made(shop, number)) >= 6, "some items are made")
    worker.kill()
    before = made(shop, number)
    shop.worker()
    wait_until(lambda: shop.state(number) == "succeeded", "the job is done after all", patience_s=20)
    after = made(shop, number)
    assert sorted(after) == sorted(f"item-{n}" for n in range(20)), "each once"
    assert after[: len(before)] == before
    items = dict(shop.rows("SELECT name, attempts FROM jobs_jobitem WHERE job_id = ?", number))
    assert items["item-1"] == 2
    assert sum(items.values()) == 21
    assert shop.rows("SELECT progress_done, progress_total FROM jobs_job WHERE id = ?", number) == [(20, 20)]
    lines = [text for (text,) in shop.rows("SELECT text FROM jobs_jobline WHERE job_id = ? ORDER BY id", number)]
    assert lines[-1] == "Attempt 2 went through."


def test_a_running_job_that_is_cancelled_stops_between_its_items(shop: Shop) -> None:
    shop.worker()
    number = shop.submit_one("chaos.items", {"count": 200, "seconds": 0.1})
    wait_until(lambda: len(made(shop, number)) >= 4, "some items are made")
    assert shop.order("cancel", job=number)
    done = len(made(shop, number))
    (next_one,) = shop.submit({"seconds": 0.5})
    wait_until(lambda: shop.state(next_one) == "succeeded", "a worker is free")
    assert len(made(shop, number)) == done
    assert shop.state(number) == "cancelled"
    shop.order("retry", job=number)
    wait_until(lambda: len(made(shop, number)) >= done + 4, "it goes on")
    shop.order("cancel", job=number)
    names = made(shop, number)
    assert len(names) == len(set(names))


def test_urgent_jobs_go_first_though_others_were_there_before(shop: Shop) -> None:
    shop.stop_worker()
    priorities = [3] * 12 + [2] * 3 + [1] * 3
    numbers = [shop.submit_one("chaos.work", {"seconds": 0.05}, priority=priority) for priority in priorities]
    shop.worker()
    wait_until(lambda: all(shop.state(number) == "succeeded" for number in numbers), "all are done")
    marks = ", ".join("?" * len(numbers))
    started = shop.rows(f"SELECT priority FROM jobs_job WHERE id IN ({marks}) ORDER BY started_at", *numbers)  # noqa: S608
    assert [priority for (priority,) in started] == sorted(priorities)


@pytest.mark.parametrize("is_deaf", [False, True])
def test_a_job_that_takes_too_long_is_ended_tried_again_and_fails_with_the_reason(shop: Shop, is_deaf: bool) -> None:
    worker = shop.worker()
    shop.beat()
    number = shop.submit_one("chaos.stubborn", {"is_deaf": is_deaf})
    wait_until(lambda: shop.state(number) == "failed", "the job is given up")
    assert (shop.traces("execution", number), shop.traces("effect", number)) == (2, 0)
    ((error,),) = shop.rows("SELECT error FROM jobs_job WHERE id = ?", number)
    assert error.startswith("It took longer than the 0.6 s that chaos.stubborn may.")
    assert error.endswith("(attempt 2 of 2)")
    assert ("was killed" in error) is is_deaf
    assert worker.process.poll() is None
    (next_one,) = shop.submit({"seconds": 0.0})
    wait_until(lambda: shop.state(next_one) == "succeeded", "the worker goes on")


def test_a_job_that_takes_too_much_memory_is_ended_and_its_process_with_it(shop: Shop) -> None:
    shop.worker()
    number = shop.submit_one("chaos.greedy")
    wait_until(lambda: shop.state(number) == "failed", "the job is given up")
    ((error, owner),) = shop.rows("SELECT error, lease_owner FROM jobs_job WHERE id = ?", number)
    assert "MiB of memory; chaos.greedy may hold 400." in error
    wait_until(lambda: is_surely_gone(owner), "its process has ended")
    jobs = shop.submit(*[{"seconds": 0.0}] * 4)
    wait_until(lambda: all(shop.state(job) == "succeeded" for job in jobs), "the worker goes on")


def test_a_job_that_kills_its_worker_every_time_ends_as_failed(shop: Shop) -> None:
    shop.worker()
    shop.beat()
    number = shop.submit_one("chaos.breaks")
    wait_until(lambda: shop.state(number) == "failed", "the job is given up")
    ((error,),) = shop.rows("SELECT error FROM jobs_job WHERE id = ?", number)
    assert "died or fell silent at attempt 2, the last" in error
    assert shop.traces("execution", number) == 2


def made(shop: Shop, number: int) -> list[str]:
    """Return what a job of items has made, in order."""
    return [name for (name,) in shop.rows("SELECT name FROM made WHERE job_id = ? ORDER BY rowid", number)]
