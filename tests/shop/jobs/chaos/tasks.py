"""Jobs that leave traces: a row for every time they ran, and a row for their effect."""

import signal
import time

from django.db import connection

from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

TABLES = """
CREATE TABLE execution (job_id INTEGER NOT NULL);
CREATE TABLE effect (job_id INTEGER NOT NULL);
CREATE TABLE made (job_id INTEGER NOT NULL, name TEXT NOT NULL, attempt INTEGER NOT NULL);
"""


@job("chaos.work", lease_s=30, max_attempts=4)
def work(job: RunningJob, *, seconds: float = 0.0) -> dict[str, int] | None:
    """Take some time, then have an effect. Nothing but the ledger keeps the effect from doubling."""
    _trace("execution", job.id)
    time.sleep(seconds)
    with job.committing() as result:
        _trace("effect", job.id)
        result["attempt"] = job.attempt
    return None


@job("chaos.picture", queue="imagery")
def work_on_a_picture(job: RunningJob, *, together: int) -> None:
    """Wait, half a minute at most, until so many of these have begun."""
    _trace("execution", job.id)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM execution")
            if cursor.fetchone()[0] >= together:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{together} never ran at once.")


@job("chaos.items", lease_s=30, max_attempts=4, backoff_s=0.1)
def work_on_items(job: RunningJob, *, count: int, seconds: float, failing: str = "") -> None:
    """Make many things, two at a time, each with an effect; one may fail at the first attempt."""
    _trace("execution", job.id)
    job.items.plan(f"item-{n}" for n in range(count))
    for names in job.items.batches(2):
        time.sleep(seconds)
        good = [name for name in names if name != failing or job.attempt > 1]
        with job.committing_items(good):
            for name in good:
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO made VALUES (%s, %s, %s)", [job.id, name, job.attempt])
        for name in set(names) - set(good):
            job.items.fail(name, "Not this time.")
    job.log(f"Attempt {job.attempt} went through.")
    job.items.require_done()


@job("chaos.stubborn", time_limit_s=0.6, max_attempts=2, backoff_s=0.1)
def take_too_long(job: RunningJob, *, is_deaf: bool = False) -> None:
    """Take too long; if deaf, without hearing what the worker has to say about it, as native code would."""
    _trace("execution", job.id)
    if is_deaf:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        time.sleep(30)
    except Exception:  # noqa: BLE001 - as handlers do that go on after a bad item
        time.sleep(30)
    _trace("effect", job.id)


@job("chaos.greedy", memory_limit_mb=400, max_attempts=1)
def take_too_much(job: RunningJob) -> None:
    """Hold ever more memory."""
    _trace("execution", job.id)
    held = []
    while True:
        held.append(b"x" * (8 * 1024 * 1024))
        time.sleep(0.02)


@job("chaos.breaks", max_attempts=2, backoff_s=0.1)
def break_down(job: RunningJob) -> None:
    """Take the whole process along, every time."""
    _trace("execution", job.id)
    signal.raise_signal(signal.SIGKILL)


def _trace(table: str, job_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (%s)", [job_id])  # noqa: S608 - one of two constants
