"""What a job tells the people who watch it: lines, and the reference of an unexpected error."""

import json
from collections.abc import Callable

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from feira.shop.jobs import services
from feira.shop.jobs.errors import BadPayload
from feira.shop.jobs.lines import KEPT_LINES, TIDY_EVERY, Lines
from feira.shop.jobs.models import Job, JobLine, Level, State
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_kinds")]


def run(handler: Callable[[RunningJob], None], **terms: int) -> Job:
    job("tests.tells", **terms)(handler)  # type: ignore[arg-type]  # numbers of any term
    submitted = services.submit("tests.tells")
    services.run_until_idle()
    submitted.refresh_from_db()
    return submitted


def lines_of(job: Job) -> list[tuple[str, str]]:
    return list(JobLine.objects.filter(job=job).order_by("pk").values_list("level", "text"))


def test_lines_are_kept_with_their_level_and_time_and_go_with_the_job() -> None:
    def tell(mine: RunningJob) -> None:
        mine.log("3 photos found")
        mine.log("x" * 5000, "warning")

    before = timezone.now()
    done = run(tell)
    assert lines_of(done) == [("info", "3 photos found"), ("warning", "x" * 1000)]
    assert before <= JobLine.objects.earliest("at").at <= timezone.now()
    Job.objects.update(finished_at=before - 2 * services.KEEP_FINISHED)
    assert services.forget_old_work() == 1
    assert not JobLine.objects.exists()


def test_a_level_that_does_not_exist_fails_the_attempt() -> None:
    failed = run(lambda mine: mine.log("Hello", "loud"), max_attempts=1)
    assert "loud" in failed.error


def test_the_newest_lines_are_kept() -> None:
    submitted, other = (run(lambda _mine: None) for _ in range(2))
    Lines(other.pk).write("of another job")
    JobLine.objects.bulk_create([JobLine(job=submitted, text=str(n)) for n in range(KEPT_LINES)])
    mine = Lines(submitted.pk)
    for n in range(TIDY_EVERY):
        mine.write(f"new {n}")
    kept = lines_of(submitted)
    assert len(kept) == KEPT_LINES
    assert (kept[0][1], kept[-1][1]) == (str(TIDY_EVERY), f"new {TIDY_EVERY - 1}")
    assert len(lines_of(other)) == 1


def test_an_unexpected_error_has_a_reference_that_the_log_has_too() -> None:
    def break_down(_mine: RunningJob) -> None:
        raise ZeroDivisionError("one by zero")

    with capture_logs() as logs:
        failed = run(break_down, max_attempts=2)
    assert (failed.state, len(failed.reference)) == (State.WAITING, 8)
    assert [entry["reference"] for entry in logs if entry["event"] == "job_attempt_failed"] == [failed.reference]
    assert lines_of(failed)[0][0] == Level.WARNING
    Job.objects.update(run_after=timezone.now())
    with capture_logs() as logs:
        services.run_until_idle()
    first, failed_for_good = failed.reference, Job.objects.get(pk=failed.pk)
    assert failed_for_good.state == State.FAILED
    assert failed_for_good.reference not in ("", first)
    assert [entry["reference"] for entry in logs if entry["event"] == "job_failed"] == [failed_for_good.reference]
    assert [level for level, _text in lines_of(failed)] == ["warning", "error"]
    services.retry(failed)
    assert Job.objects.get(pk=failed.pk).reference == ""


def test_a_deliberate_refusal_has_no_reference() -> None:
    def refuse(_mine: RunningJob) -> None:
        raise BadPayload("There is no such photo.")

    failed = run(refuse, max_attempts=1)
    assert (failed.state, failed.reference) == (State.FAILED, "")


def test_lines_are_plain_text() -> None:
    done = run(lambda mine: mine.log(json.dumps({"<b>": 1})))
    assert lines_of(done) == [("info", '{"<b>": 1}')]
