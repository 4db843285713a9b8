"""What jobs promise, over every broker, with real workers that are really killed."""

import os
import signal

import pytest

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
