"""A worker that is killed in the middle: the next one goes on, and the bytes are those of one that never was."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = "tests.shop.datasets.worker_program"
PATIENCE_S = 120


def environment(folder: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    return ours | {
        "FEIRA_DATA_DIR": str(folder),
        "FEIRA_LOG_LEVEL": "ERROR",
        "FEIRA_DATASET_PROCESSES": "1",
        "DJANGO_SETTINGS_MODULE": "feira.shop.config.settings",
        "PYTHONPATH": str(REPOSITORY),
    }


def run(folder: Path, order: str, *, processes: int = 1) -> dict[str, Any]:
    """Let a process do something to its end, and return what it shows of the data set, if it does."""
    settings = environment(folder) | {"FEIRA_DATASET_PROCESSES": str(processes)}
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM, order],
        env=settings,
        cwd=REPOSITORY,
        check=True,
        timeout=PATIENCE_S,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if order != "fill" else {}
    return answer


def states_of_parts(folder: Path) -> list[str]:
    """Return the states of the parts of the only data set's pictures."""
    connection = sqlite3.connect(folder / "feira.sqlite3", timeout=20)
    try:
        return [state for (state,) in connection.execute("SELECT state FROM jobs_jobitem ORDER BY name")]
    finally:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="tells by /proc that a worker is dead")
def test_a_killed_worker_is_followed_by_one_that_does_the_rest(tmp_path: Path) -> None:
    run(tmp_path, "fill")
    worker = subprocess.Popen(
        [sys.executable, "-m", PROGRAM, "work"], env=environment(tmp_path), cwd=REPOSITORY, start_new_session=True
    )
    deadline = time.monotonic() + PATIENCE_S
    while states_of_parts(tmp_path).count("done") < 2:
        assert time.monotonic() < deadline
        assert worker.poll() is None
        time.sleep(0.01)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    stopped = states_of_parts(tmp_path)
    assert stopped.count("done") >= 2
    assert "waiting" in stopped

    resumed = run(tmp_path, "work")
    assert (resumed["state"], resumed["attempts"]) == ("ready", 2)
    # Parts that were done when the worker was killed were done once, and so were the others.
    assert {(state, attempts) for _name, state, attempts in resumed["items"]} == {("done", 1)}

    whole = run(tmp_path, "again", processes=4)
    assert whole["attempts"] == 1
    assert whole["manifest"] == resumed["manifest"]
