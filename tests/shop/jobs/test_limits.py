"""Limits of time and memory. What workers do about them is tested with real ones, in the contract."""

import os
import signal
import subprocess
import sys
import time

import pytest

from feira.shop.jobs import limits, services
from feira.shop.jobs.limits import MIB, Interrupter, Limits
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.registry import get_kind, job
from feira.shop.jobs.running import RunningJob

FORK_AND_HOLD = """
import os, sys, time
child = os.fork()
held = bytearray(64 * 1024 * 1024 if child == 0 else 4096)
held[::4096] = b"x" * (len(held) // 4096)
sys.stdout.write("held"); sys.stdout.flush()
time.sleep(60)
"""


@pytest.mark.parametrize("terms", [{"time_limit_s": 0}, {"memory_limit_mb": -1}])
@pytest.mark.usefixtures("own_kinds")
def test_a_limit_that_forbids_everything_is_refused(terms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        job("tests.never", **terms)(lambda _job: None)  # type: ignore[arg-type]  # numbers of any term


@pytest.mark.usefixtures("own_kinds")
def test_without_limits_there_is_nothing_to_look_at() -> None:
    job("tests.free")(lambda _job: None)
    free = Limits(get_kind("tests.free"))
    assert (free.look_every_s, free.exceeded()) == (None, None)


@pytest.mark.usefixtures("own_kinds")
def test_memory_counts_with_that_of_the_processes_that_were_started() -> None:
    job("tests.small", memory_limit_mb=1)(lambda _job: None)
    exceeded = Limits(get_kind("tests.small")).exceeded()
    assert exceeded is not None
    assert "tests.small may hold 1" in str(exceeded)
    before = limits.resident_bytes()
    with subprocess.Popen([sys.executable, "-c", FORK_AND_HOLD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(8) == b"heldheld"
        found = limits.descendants(os.getpid())
        assert process.pid in found
        (grandchild,) = limits.descendants(process.pid)
        assert grandchild in found
        assert limits.resident_bytes() - before > 64 * MIB
        os.kill(grandchild, signal.SIGKILL)
        process.kill()
    assert process.pid not in limits.descendants(os.getpid())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("own_kinds")
def test_outside_a_worker_a_job_over_its_time_ends_at_its_next_sign_of_life() -> None:
    passed: list[str] = []

    @job("tests.slow", time_limit_s=0.3, max_attempts=1)
    def slow(mine: RunningJob) -> None:
        mine.items.plan("ab")
        for name in mine.items.todo():
            passed.append(name)
            try:
                time.sleep(0.8)
                mine.check()
            except Exception:  # noqa: BLE001 - what handlers do that go on after a bad item
                mine.items.fail(name, "No.")

    submitted = services.submit("tests.slow")
    services.run_until_idle()
    failed = Job.objects.get(pk=submitted.pk)
    assert passed == ["a"]
    assert (failed.state, failed.reference) == (State.FAILED, "")
    assert failed.error == "It took longer than the 0.3 s that tests.slow may. (attempt 1 of 1)"


def test_a_process_that_is_no_worker_is_not_interrupted() -> None:
    assert not limits.interrupter.is_installed
    assert not Interrupter().is_spent
