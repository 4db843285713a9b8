"""Nothing is lost and nothing done twice while a shop's parts are killed: `feira bench jobs --kill`, in short."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

BENCH = Path(__file__).resolve().parents[3] / "benchmarks" / "jobs.py"
SHORT = ("--jobs", "60", "--concurrency", "1", "--every", "2.5", "--seconds", "240")
PATIENCE_S = 400


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short and open to others, because PostgreSQL refuses to run as root and has its files below it.
    with tempfile.TemporaryDirectory(prefix="fb-") as name:
        yield Path(name)


@pytest.mark.parametrize(
    ("broker", "database"), [("embedded", "sqlite"), ("redis", "postgresql"), ("rabbitmq", "postgresql")]
)
def test_jobs_under_fire_are_neither_lost_nor_done_twice(broker: str, database: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, BENCH, "--kill", "--json", *SHORT, "--broker", broker, "--database", database],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if "is not installed" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["tables"]["Jobs under fire"]
    assert (row["asked"], row["lost"], row["doubled"], row["rolled back, yet done"]) == (60, 0, 0, 0)
    assert row["faults"] >= 5
    assert not list(folder.iterdir()), "temporary folders are left behind"
