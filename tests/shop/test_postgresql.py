"""The shop on PostgreSQL: what depends on the database is tested there as well, in a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import empty_database

REPOSITORY = Path(__file__).resolve().parents[2]
# Locks, claims, uniqueness, full text, keysets, upserts, JSON: where the two databases differ.
MEANINGFUL = [
    "tests/shop/test_concurrency.py",
    "tests/shop/jobs/test_services.py",
    "tests/shop/photos/test_services.py",
    "tests/shop/photos/test_swap.py",
    "tests/shop/listings",
    "tests/shop/feed",
    "tests/shop/learning",
    "tests/shop/feedback/test_api.py",
    "tests/shop/feedback/test_judging.py",
    "tests/shop/search/test_text_index.py",
    "tests/shop/search/test_services.py",
    "tests/shop/api/test_idempotency.py",
    "tests/shop/datasets/test_row_columns.py",
]


@pytest.mark.system
def test_the_shop_passes_its_tests_on_postgresql(tmp_path: Path) -> None:
    with empty_database(tmp_path) as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not system", *MEANINGFUL],
            cwd=REPOSITORY,
            env={**os.environ, "FEIRA_TEST_DATABASE_URL": url, "FEIRA_TEST_POSTGRES_URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
