"""Jobs and services over the API: each sees what they may, finds it again, and starts, cancels and retries it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.jobs import services
from feira.shop.jobs.models import Job, JobItem, JobLine, State
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from tests.factories import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _kinds(own_kinds: None) -> None:
    """Have a kind with three items, of which one fails at the first attempt."""

    @job("tests.three", max_attempts=1)
    def three(job: RunningJob, *, fails: bool = False) -> dict[str, Any]:
        job.items.plan(["a", "b", "c"])
        for name in job.items.todo():
            if name == "b" and fails and not JobItem.objects.filter(job=job.id, state="failed").exists():
                job.items.fail(name, "no room")
            else:
                job.items.finish(name, {"size": 7})
        job.log("went through")
        job.items.require_done()
        return {"url": "/liked/"}


def able(*codenames: str, is_staff: bool = True) -> Account:
    person = make_account(is_staff=is_staff)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert person.user_permissions.count() == len(codenames)
    return Account.objects.get(pk=person.pk)


def client(person: Account) -> APIClient:
    speaking = APIClient()
    speaking.force_login(person)
    return speaking


def get(person: Account, address: str, **query: Any) -> Any:
    answer = client(person).get(f"/api/v1/{address}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def post(person: Account, address: str, body: Any = None, **headers: str) -> Any:
    return client(person).post(f"/api/v1/{address}", body or {}, format="json", headers=headers)


def test_members_see_their_own_jobs_and_staff_with_the_permission_all() -> None:
    ana, bo = make_account(), make_account()
    own = services.submit("tests.three", requested_by=ana.pk)
    others = services.submit("tests.three", requested_by=bo.pk)
    nobodys = services.submit("tests.three")
    assert [row["id"] for row in get(ana, "jobs/")["results"]] == [own.pk]
    assert [row["id"] for row in get(make_account(is_staff=True), "jobs/")["results"]] == []
    assert [row["id"] for row in get(able("view_job", is_staff=False), "jobs/")["results"]] == []
    assert [row["id"] for row in get(able("view_job"), "jobs/")["results"]] == [nobodys.pk, others.pk, own.pk]
    assert client(ana).get(f"/api/v1/jobs/{others.pk}/").status_code == 404
    assert client(ana).get("/api/v1/jobs/99999999999999999999/").status_code == 404


def test_a_whole_job_is_told_with_items_lines_and_links() -> None:
    ana = make_account()
    made = services.submit("tests.three", requested_by=ana.pk)
    services.run_until_idle()
    body = get(ana, f"jobs/{made.pk}/")
    assert (body["state"], body["progress_done"], body["progress_total"]) == ("succeeded", 3, 3)
    assert body["items"] == {"total": 3, "done": 3, "failed": 0, "waiting": 0, "running": 0}
    assert body["links"] == [{"label": "Open the result", "url": "/liked/"}]
    assert body["result"] == {"url": "/liked/"}
    assert body["seconds"] is not None
    items = get(ana, f"jobs/{made.pk}/items/", limit=2)
    assert [row["name"] for row in items["results"]] == ["a", "b"]
    rest = get(ana, f"jobs/{made.pk}/items/", limit=2, after=items["next_cursor"])
    assert [row["name"] for row in rest["results"]] == ["c"]
    assert rest["next_cursor"] is None
    lines = get(ana, f"jobs/{made.pk}/lines/")
    assert "went through" in [row["text"] for row in lines["results"]]
    JobLine.objects.create(job=made, text="later")
    later = get(ana, f"jobs/{made.pk}/lines/", after=lines["next_cursor"])
    assert [row["text"] for row in later["results"]] == ["later"]


def test_a_link_in_a_result_leads_to_the_shop_alone() -> None:
    ana = make_account()
    made = services.submit("tests.three", requested_by=ana.pk)
    for url in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", 7):
        Job.objects.filter(pk=made.pk).update(state=State.SUCCEEDED, result={"url": url})
        assert get(ana, f"jobs/{made.pk}/")["links"] == []


def test_jobs_are_found_by_kind_state_person_parent_and_time() -> None:
    staff, ana = able("view_job"), make_account()
    old = services.submit("tests.three")
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3), state=State.FAILED)
    own = services.submit("tests.three", requested_by=ana.pk)
    child = services.submit("jobs.prune", {"keep_days": 3}, parent=own, requested_by=ana.pk)

    def found(**query: Any) -> list[int]:
        return [row["id"] for row in get(staff, "jobs/", **query)["results"]]

    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert found(kind="tests.three") == [own.pk, old.pk]
    assert found(state="failed") == [old.pk]
    assert found(requested_by=ana.pk) == [child.pk, own.pk]
    assert found(requested_by=0) == [old.pk]
    assert found(parent=own.pk) == [child.pk]
    assert found(since=yesterday) == [child.pk, own.pk]
    assert found(until=yesterday) == [old.pk]


def test_pages_follow_each_other_at_the_same_cost() -> None:
    staff = able("view_job")
    made = [services.submit("tests.three").pk for _number in range(7)]
    seen, cursor, costs = [], "", []
    while True:
        with CaptureQueriesContext(connection) as counted:
            page = get(staff, "jobs/", limit=3, **({"after": cursor} if cursor else {}))
        costs.append(len(counted))
        seen += [row["id"] for row in page["results"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == made[::-1]
    assert len(costs) == 3
    assert max(costs) == min(costs)


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"requested_by": "ana"}, {"since": "yesterday"}, {"after": "x"}, {"limit": 0}]
)
def test_a_question_that_makes_no_sense_is_refused(query: dict[str, Any]) -> None:
    answer = client(make_account()).get("/api/v1/jobs/", query)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_job_is_cancelled_once_and_retried_with_what_is_missing() -> None:
    ana = make_account()
    made = services.submit("tests.three", {"fails": True}, requested_by=ana.pk)
    services.run_until_idle()
    body = get(ana, f"jobs/{made.pk}/")
    assert (body["state"], body["items"]["failed"]) == ("failed", 1)
    assert get(ana, f"jobs/{made.pk}/items/", state="failed")["results"][0]["error"] == "no room"
    assert post(ana, f"jobs/{made.pk}/cancel/").json()["code"] == "job_cannot_be_cancelled"
    opened = post(ana, f"jobs/{made.pk}/retry/")
    assert (opened.status_code, opened.json()["state"]) == (200, "waiting")
    assert post(ana, f"jobs/{made.pk}/retry/").json()["code"] == "job_cannot_be_retried"
    services.run_until_idle()
    assert get(ana, f"jobs/{made.pk}/")["state"] == "succeeded"
    # Only the one that failed was done again.
    attempts = dict(JobItem.objects.filter(job=made).values_list("name", "attempts"))
    assert attempts == {"a": 1, "b": 2, "c": 1}
    waiting = services.submit("tests.three", requested_by=ana.pk)
    assert post(ana, f"jobs/{waiting.pk}/cancel/").json()["state"] == "cancelled"


def test_the_work_of_others_is_moved_by_staff_with_the_permission_alone() -> None:
    made = services.submit("tests.three", requested_by=make_account().pk)
    for person, status in ((able("view_job"), 403), (able("change_job", "view_job"), 200)):
        assert post(person, f"jobs/{made.pk}/cancel/").status_code == status
        assert post(person, f"jobs/{made.pk}/retry/").status_code == status
    made.refresh_from_db()
    assert made.state == State.WAITING


def test_opening_the_job_of_somebody_else_by_ones_own_is_refused() -> None:
    ana, bo = make_account(), make_account()
    cause = services.submit("tests.three", requested_by=bo.pk)
    own = services.submit("tests.three", requested_by=ana.pk, after=[cause])
    services.cancel(cause)
    own.refresh_from_db()
    assert own.failed_for == cause.pk
    assert post(ana, f"jobs/{own.pk}/retry/").status_code == 403
    cause.refresh_from_db()
    assert cause.state == State.CANCELLED


def test_services_are_listed_with_their_options_and_whether_one_may() -> None:
    listed = {row["name"]: row for row in get(able("view_job", "add_job"), "services/")["results"]}
    assert listed["verify-index"]["may_start"]
    assert not listed["create-dummy-listings"]["may_start"]
    options = {row["name"]: row for row in listed["create-dummy-listings"]["options"]}
    assert (options["count"]["type"], options["categories"]["type"], options["plan"]["type"]) == (
        "number",
        "choices",
        "file",
    )
    assert "mug" in options["categories"]["choices"]
    assert options["seller"]["initial"] == "Feira demo"


def test_a_service_is_started_with_what_is_left_out_at_its_usual_value() -> None:
    person = able("view_job", "add_listing")
    answer = post(person, "services/create-dummy-listings/", {"count": 3, "categories": ["mug", "hat"]})
    assert answer.status_code == 201, answer.content
    made = Job.objects.get(pk=answer.json()["id"])
    assert (made.kind, made.requested_by) == ("listings.draw", person.pk)
    assert (made.payload["count"], sorted(made.payload["plan"]), made.payload["seller"]) == (
        3,
        ["hat", "mug"],
        "Feira demo",
    )


def test_a_service_takes_files_by_a_multipart_form() -> None:
    person = able("view_job", "add_listing")
    plan = SimpleUploadedFile("plan.json", json.dumps({"mug": {"count": 4}}).encode())
    answer = client(person).post("/api/v1/services/create-dummy-listings/", {"plan": plan}, format="multipart")
    assert answer.status_code == 201, answer.content
    assert Job.objects.get().payload["count"] == 4


def test_a_request_that_is_sent_twice_starts_once() -> None:
    person = able("view_job", "add_listing")
    again = {"Idempotency-Key": "one"}
    first, second = (post(person, "services/create-dummy-listings/", {"count": 3}, **again) for _time in range(2))
    assert (first.status_code, second.status_code, first.json()["id"]) == (201, 201, second.json()["id"])
    assert Job.objects.count() == 1
    assert post(person, "services/create-dummy-listings/", {"count": 4}, **again).status_code == 422


@pytest.mark.parametrize("body", [{}, {"count": "many"}, {"count": 3, "colour": "red"}, [1, 2]])
def test_options_that_make_no_sense_are_told_one_by_one(body: Any) -> None:
    answer = post(able("view_job", "add_listing"), "services/create-dummy-listings/", body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert answer.json()["errors"]
    assert not Job.objects.exists()


def test_who_may_not_start_a_service_gets_403_and_nothing_happens() -> None:
    people = [
        make_account(),
        make_account(is_staff=True),
        able("view_job"),
        able("add_job", "view_job", is_staff=False),
    ]
    for person in people:
        assert post(person, "services/verify-index/").status_code == 403
    assert APIClient().post("/api/v1/services/verify-index/").status_code == 401
    assert post(able("view_job", "add_job"), "services/nonsense/").status_code == 404
    assert not Job.objects.exists()


def test_what_came_of_a_job_is_cancelled_and_retried_with_it() -> None:
    ana = make_account()
    parent = services.submit("tests.three", requested_by=ana.pk)
    services.run_until_idle()
    children = [services.submit("tests.three", {"fails": number == 1}, parent=parent) for number in range(3)]
    services.cancel(children[0])
    services.run_until_idle()
    services.submit("tests.three", parent=parent)

    def states() -> list[str]:
        return list(Job.objects.filter(parent=parent).order_by("pk").values_list("state", flat=True))

    assert states() == ["cancelled", "failed", "succeeded", "waiting"]
    assert post(ana, f"jobs/{parent.pk}/cancel/").status_code == 200
    assert states() == ["cancelled", "failed", "succeeded", "cancelled"]
    assert post(ana, f"jobs/{parent.pk}/cancel/").status_code == 409
    opened = post(ana, f"jobs/{parent.pk}/retry/").json()
    assert (opened["id"], opened["state"], opened["children"]["waiting"]) == (parent.pk, "succeeded", 3)
    services.run_until_idle()
    assert states() == ["succeeded"] * 4
    assert post(ana, f"jobs/{parent.pk}/retry/").json()["code"] == "job_cannot_be_retried"
