"""However long the ledger has become, what people look for in it is found by an index, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from feira.shop.jobs import leases, ledger, selectors, statements, tallies
from feira.shop.jobs.ledger import Wanted
from feira.shop.jobs.models import Job, State

pytestmark = pytest.mark.django_db
MANY = 4000
KINDS = 40
PAGE = 51


@pytest.fixture(autouse=True)
def _a_long_ledger() -> None:
    """Have a month of jobs, of which few failed, were asked for by somebody, or ended lately."""
    now = timezone.now()
    Job.objects.bulk_create(
        Job(
            kind=f"tests.kind_{number % KINDS}",
            queue="default",
            state=State.FAILED if number % 100 == 0 else State.SUCCEEDED,
            requested_by=number % 70 if number % 10 == 0 else None,
            created_at=now - timedelta(minutes=10 * (MANY - number)),
            finished_at=now - timedelta(minutes=10 * (MANY - number)),
            is_counted=True,
        )
        for number in range(MANY)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_job")


@contextmanager
def plans() -> Iterator[list[str]]:
    """Yield a list that holds, afterwards, the plan of every statement executed inside, line by line."""
    asked: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH", "UPDATE")):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found
    how = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    for sql, params in asked:
        with connection.cursor() as cursor:
            cursor.execute(f"{how} {sql}", params)
            found += [str(row[-1]) for row in cursor.fetchall()]


def whole_table_read(plan: list[str]) -> list[str]:
    """Return the lines that read every job."""
    if connection.vendor == "sqlite":
        return [line for line in plan if line.startswith("SCAN jobs_job")]
    return [line for line in plan if "Seq Scan on jobs_job" in line]


def page_of(**wanted: Any) -> list[Job]:
    return list(ledger.wanted_jobs(Job.objects.order_by("-pk"), Wanted(**wanted))[:PAGE])


NOW = timezone.now()
ASKED: dict[str, Callable[[], object]] = {
    "kind": lambda: page_of(kind="tests.kind_3"),
    "a kind that there is not": lambda: page_of(kind="tests.nothing"),
    "state": lambda: page_of(state="failed"),
    "a state that none is in": lambda: page_of(state="cancelled"),
    "kind and state": lambda: page_of(kind="tests.kind_0", state="failed"),
    "person": lambda: page_of(requested_by=40),
    "nobody": lambda: page_of(requested_by=0),
    "person and state": lambda: page_of(requested_by=40, state="failed"),
    "lately": lambda: page_of(since=NOW - timedelta(hours=24)),
    "between": lambda: page_of(since=NOW - timedelta(days=20), until=NOW - timedelta(days=19)),
    "children": lambda: page_of(parent=7),
    "chart of an hour": lambda: ledger.throughput(hours=1),
    "chart of a day": lambda: ledger.throughput(hours=24),
    "last of each kind": lambda: ledger.last_of_each([f"tests.kind_{n}" for n in range(20)]),
    "people": ledger.people_in_ledger,
    "backlog": selectors.backlog,
    "oldest due": selectors.oldest_due_age_s,
    "counting": tallies.count_finished,
    "handing out": lambda: statements.hand_out([1, 2, 3], "default", most=1000, now=timezone.now()),
    "claiming": lambda: leases.claim_first(1),
}


@pytest.mark.parametrize("asked", ASKED)
def test_no_question_reads_the_whole_ledger(asked: str) -> None:
    with plans() as plan:
        ASKED[asked]()
    assert plan
    assert whole_table_read(plan) == [], plan


def test_what_is_found_is_right() -> None:
    assert {job.kind for job in page_of(kind="tests.kind_3")} == {"tests.kind_3"}
    assert [job.requested_by for job in page_of(requested_by=40)] == [40] * len(page_of(requested_by=40))
    last = ledger.last_of_each(["tests.kind_3", "tests.kind_39", "tests.nothing"])
    assert {kind: job.pk for kind, job in last.items()} == {
        kind: Job.objects.filter(kind=kind).order_by("-pk")[0].pk for kind in ("tests.kind_3", "tests.kind_39")
    }
    assert ledger.last_of_each([]) == {}
    rows = Job.objects.exclude(requested_by=None).order_by("-pk").values_list("requested_by", flat=True)
    assert ledger.people_in_ledger() == list(dict.fromkeys(rows))
    assert ledger.people_in_ledger(most=3) == list(dict.fromkeys(rows))[:3]
    Job.objects.update(requested_by=None)
    assert ledger.people_in_ledger() == []
