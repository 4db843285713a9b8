"""`feira jobs` on the test database: what is listed, shown, cancelled, retried and started, and how it ends."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from feira.cli import jobs as command
from feira.shop.jobs import registry, services
from feira.shop.jobs.models import Job, JobItem, State
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from tests.cli.conftest import Call
from tests.factories import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    """Have a kind with four items that can be told to fail."""
    with registry.restored():

        @job("tests.four", max_attempts=1)
        def four(job: RunningJob, *, fails: bool = False) -> dict[str, Any]:
            job.items.plan(["a", "b", "c", "d"])
            for name in job.items.todo():
                job.log(f"at {name}")
                if fails and name == "c" and not JobItem.objects.filter(job=job.id, state="failed").exists():
                    job.items.fail(name, "no room")
                else:
                    job.items.finish(name)
            job.items.require_done()
            return {"url": "/liked/"}

        yield


def done(**payload: Any) -> Job:
    made = services.submit("tests.four", payload)
    services.run_until_idle()
    return Job.objects.get(pk=made.pk)


def test_jobs_are_listed_as_data_by_what_one_looks_for(call: Call) -> None:
    ana = make_account(email="ana@example.org")
    old = done()
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    own = services.submit("tests.four", requested_by=ana.pk)

    def listed(*arguments: str) -> list[int]:
        said = call(command.app, "list", "--json", *arguments)
        assert said.code == 0, said.err
        return [row["id"] for row in json.loads(said.out)]

    assert listed() == [own.pk, old.pk]
    assert listed("--state", "succeeded") == [old.pk]
    assert listed("--kind", "tests.nothing") == []
    assert "no such job" in call(command.app, "list", "--kind", "tests.nothing").err
    assert listed("--by", "ANA@example.org") == [own.pk]
    assert listed("--since", "24h") == listed("--since", f"{timezone.now() - timedelta(days=1):%Y-%m-%d}") == [own.pk]
    assert listed("--limit", "1") == [own.pk]
    assert "tests.four" in call(command.app, "list").out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("list", "--state", "lost"), "no state"),
        (("list", "--since", "yesterday"), "no time"),
        (("list", "--by", "nobody@example.org"), "Nobody signs in"),
        (("list", "--limit", "0"), "equal to 1"),
        (("show", "seven"), "JOB"),
        (("run", "nonsense"), "no service"),
        (("run", "create-dummy-listings"), "count: Say how many."),
        (("run", "create-dummy-listings", "-o", "count"), "NAME=VALUE"),
        (("run", "create-dummy-listings", "-o", "count=3", "-o", "colour=red"), "no option 'colour'"),
        (("run", "create-dummy-listings", "-o", "count=3", "-o", "categories=unicorn"), "categories"),
        (("run", "rebuild-index", "-o", "neighbours=perhaps"), "yes or no"),
        (("run", "import-catalogue", "-f", "catalogue=/nowhere/shop.csv"), "cannot be read"),
    ],
)
def test_what_is_misused_ends_with_2_in_one_line_and_nothing_is_done(
    call: Call, arguments: tuple[str, ...], reason: str
) -> None:
    said = call(command.app, *arguments)
    assert said.code == 2
    assert reason in said.err
    assert not Job.objects.exists()


def test_one_job_is_shown_with_its_items_lines_and_result(call: Call) -> None:
    made = done()
    shown = json.loads(call(command.app, "show", made.pk, "--json").out)
    assert (shown["state"], shown["items"]["done"], shown["result"]) == ("succeeded", 4, {"url": "/liked/"})
    assert "at d" in [line["text"] for line in shown["lines"]]
    told = call(command.app, "show", made.pk).out
    assert "4 of 4 done, 0 failed" in told
    assert "/liked/" in told
    assert call(command.app, "show", 4711).code == 1


def test_a_job_is_cancelled_once_and_retried_with_what_is_missing(call: Call) -> None:
    waiting = services.submit("tests.four")
    assert call(command.app, "cancel", waiting.pk).code == 0
    again = call(command.app, "cancel", waiting.pk)
    assert again.code == 1
    assert "has ended before" in again.err
    failed = done(fails=True)
    assert failed.state == State.FAILED
    opened = json.loads(call(command.app, "retry", failed.pk, "--json").out)
    assert (opened["id"], opened["state"], opened["items"]["done"]) == (failed.pk, "waiting", 3)
    services.run_until_idle()
    assert call(command.app, "retry", failed.pk).code == 1
    assert dict(JobItem.objects.filter(job=failed).values_list("name", "attempts")) == {"a": 1, "b": 1, "c": 2, "d": 1}


def test_a_job_is_watched_to_its_end_and_its_end_is_the_exit_code(call: Call) -> None:
    good, bad = done(), done(fails=True)
    said = call(command.app, "show", good.pk, "--watch")
    assert said.code == 0
    assert "at a" in said.err
    said = call(command.app, "show", bad.pk, "--watch")
    assert said.code == 1
    assert "1 of 4 items failed" in said.err


@pytest.mark.django_db(transaction=True)
def test_watching_follows_a_job_while_it_is_done_elsewhere(call: Call) -> None:
    made = services.submit("tests.four")

    def work() -> None:
        time.sleep(0.5)
        services.run_until_idle()
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    said = call(command.app, "show", made.pk, "--watch", "--json")
    worker.join()
    assert said.code == 0, said.err
    assert json.loads(said.out)["state"] == "succeeded"
    assert "tests.four: " in said.err


def test_services_are_listed_and_started_with_options_and_files(call: Call, tmp_path: Path) -> None:
    listed = {row["name"]: row for row in json.loads(call(command.app, "run", "--json").out)}
    assert [option["name"] for option in listed["recompute-embeddings"]["options"]] == ["photos"]
    assert "create-dummy-listings" in call(command.app, "run").out
    ana = make_account(email="ana@example.org")
    arguments = ("-o", "count=3", "-o", "categories=mug, hat", "--by", "ana@example.org")
    said = call(command.app, "run", "create-dummy-listings", *arguments, "--json")
    assert said.code == 0, said.err
    made = Job.objects.get()
    assert json.loads(said.out)["id"] == made.pk
    assert (made.requested_by, sorted(made.payload["plan"])) == (ana.pk, ["hat", "mug"])
    assert "No worker is running" in said.err
    plan = tmp_path / "plan.json"
    plan.write_text('{"vase": {"count": 2}}')
    assert call(command.app, "run", "create-dummy-listings", "-f", f"plan={plan}").code == 0
    assert Job.objects.latest("pk").payload["count"] == 2


def test_yes_and_no_are_understood_and_what_is_under_way_is_not_started_again(call: Call) -> None:
    assert call(command.app, "run", "rebuild-index", "-o", "neighbours=no").code == 0
    assert list(Job.objects.values_list("kind", flat=True)) == ["photos.rebuild_index"]
    assert "was under way already" in call(command.app, "run", "rebuild-index", "-o", "neighbours=no").err
    assert Job.objects.count() == 1


def test_the_command_explains_itself_with_examples(feira: Call) -> None:
    said = feira("jobs", "run", "--help")
    assert said.code == 0
    assert "feira jobs run create-dummy-listings" in said.out
