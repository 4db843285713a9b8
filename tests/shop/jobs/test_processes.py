"""What the worker's and the beat's processes are made of: duty, timetable, owners, figures."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from feira.core.errors import Misconfigured
from feira.health import HealthServer
from feira.shop.jobs import duties, metrics, owners, services
from feira.shop.jobs.models import Duty, Job, State
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.jobs.worker import run_worker
from tests.shop.jobs.brokers import free_port
from tests.shop.jobs.processes import open_shop, wait_until


def test_a_process_is_gone_once_it_has_ended_and_not_before() -> None:
    assert not owners.is_surely_gone(owners.this_process())
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    place = owners.this_process().rsplit("/", 2)[0]
    start = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[19]
    name = f"{place}/{sleeper.pid}/{start}"
    assert not owners.is_surely_gone(name)
    assert owners.is_surely_gone(f"{place}/{sleeper.pid}/1"), "another process has the number by now"
    assert not owners.is_surely_gone(f"elsewhere/1/{sleeper.pid}/1")
    with sleeper:
        sleeper.kill()
    assert owners.is_surely_gone(name)


@pytest.mark.parametrize("nonsense", ["", "x", "a/b/c/d", "//"])
def test_of_a_strange_owner_nothing_is_claimed(nonsense: str) -> None:
    assert not owners.is_surely_gone(nonsense)


@pytest.mark.django_db
def test_a_duty_is_kept_by_its_holder_and_free_for_others_when_it_ends() -> None:
    assert duties.hold("beat", seconds=10)
    assert duties.hold("beat", seconds=10)
    Duty.objects.update(owner="elsewhere/1/2/3")
    assert not duties.hold("beat", seconds=10)
    duties.release("beat")
    assert Duty.objects.get().owner == "elsewhere/1/2/3"
    Duty.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert duties.hold("beat", seconds=10)
    duties.release("beat")
    assert Duty.objects.get().owner == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("own_kinds")
def test_figures_come_from_the_ledger() -> None:
    @job("tests.counted", queue="imagery")
    def counted(_job: RunningJob) -> None: ...

    for state in (State.SUCCEEDED, State.FAILED, State.FAILED, State.WAITING):
        submitted = services.submit("tests.counted")
        Job.objects.filter(pk=submitted.pk).update(state=state, run_after=timezone.now() - timedelta(seconds=90))
    registry = CollectorRegistry()
    metrics.register(registry)
    lines = generate_latest(registry).decode().splitlines()
    assert 'feira_jobs{kind="tests.counted",state="failed"} 2.0' in lines
    assert 'feira_jobs{kind="tests.counted",state="waiting"} 1.0' in lines
    assert registry.get_sample_value("feira_jobs_oldest_due_seconds", {"queue": "imagery"}) == pytest.approx(90, abs=5)
    assert registry.get_sample_value("feira_workers") == 0


def test_a_health_server_tells_what_is_missing() -> None:
    missing = ["the database"]
    server = HealthServer(0, why_not_ready=lambda: missing[0], registry=CollectorRegistry())
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
            assert client.get("/healthz").text == "ok\n"
            refusal = client.get("/readyz")
            assert (refusal.status_code, refusal.text) == (503, "the database\n")
            missing[0] = ""
            assert client.get("/readyz?x=1").status_code == 200
            assert client.get("/admin").status_code == 404
    finally:
        server.close()


def test_a_worker_for_a_queue_that_does_not_exist_does_not_start() -> None:
    with pytest.raises(Misconfigured, match="imagerie"):
        run_worker(["imagerie", "default"], health_port=0)


@pytest.mark.system
def test_jobs_asked_for_while_the_broker_is_away_are_done_when_it_is_back(tmp_path: Path, empty_database: Path) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    with open_shop(tmp_path, away, database=empty_database) as shop:
        (job_id,) = shop.submit({"seconds": 0.0})
        assert shop.rows("SELECT state, published_at FROM jobs_job") == [("waiting", None)]
        shop.environment["FEIRA_BROKER_URL"] = f"sqlite:///{tmp_path / 'broker.sqlite3'}"
        worker, beat = shop.worker(), shop.beat()
        wait_until(lambda: shop.state(job_id) == "succeeded", "the job is done")
        assert "feira_workers 1.0" in worker.get("/metrics")[1]
        beat.process.send_signal(signal.SIGTERM)
        assert beat.process.wait(10) == 0
        assert shop.rows("SELECT name, owner FROM jobs_duty") == [("beat", "")]
        assert worker.stop() == 0
        assert shop.rows("SELECT 1 FROM jobs_worker") == []


@pytest.mark.system
def test_the_command_takes_so_many_jobs_at_once_from_the_queues_that_are_named(
    tmp_path: Path, empty_database: Path
) -> None:
    with open_shop(tmp_path, f"sqlite:///{tmp_path / 'broker.sqlite3'}", database=empty_database) as shop:
        pictures = [shop.submit_one("chaos.picture", {"together": 4}) for _ in range(4)]
        (other,) = shop.submit({"seconds": 0.0})
        command = [str(Path(sys.executable).with_name("feira")), "worker", "--queues", "imagery", "--concurrency", "4"]
        worker = subprocess.Popen(command, env=shop.environment)
        try:
            wait_until(lambda: all(shop.state(job) == "succeeded" for job in pictures), "the pictures are done")
        finally:
            worker.terminate()
            assert worker.wait(30) == 0
        assert {attempts for (attempts,) in shop.rows("SELECT attempts FROM jobs_job WHERE queue = 'imagery'")} == {1}
        assert (shop.state(other), shop.traces("execution", other)) == ("queued", 0)
