"""Pages of services and jobs: for staff with the permission; work is watched, cancelled and tried again there."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from feira.shop.accounts.models import Account
from feira.shop.insight.services_shown import duration_text, facts_of, title_of
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs import services
from feira.shop.jobs.ledger import throughput
from feira.shop.jobs.models import Job, JobItem, JobLine, State, Worker
from feira.shop.jobs.owners import this_process
from feira.shop.jobs.registry import kinds
from tests.factories import make_account

pytestmark = pytest.mark.django_db
SignIn = Callable[[Account], Client]
HTMX = {"HX-Request": "true"}
SERVICES = "/staff/insight/services/"
JOBS = "/staff/insight/jobs/"


def able(*codenames: str) -> Account:
    person = make_account(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Account.objects.get(pk=person.pk)


@pytest.fixture
def keeper() -> Account:
    """Somebody of the staff who may see, start and move everything here."""
    return able("view_job", "add_job", "change_job", "add_listing", "delete_photo", "delete_job")


PAGES = ["services/", "services/verify-index/", "jobs/", "jobs/1/"]
ACTIONS = ["services/verify-index/", "jobs/1/cancel/", "jobs/1/retry/"]


@pytest.mark.parametrize("page", PAGES)
def test_guests_are_sent_to_sign_in_and_others_are_refused(page: str, browser_of: SignIn) -> None:
    address = f"/staff/insight/{page}"
    services.submit("photos.verify_index")
    assert Client().get(address)["Location"].startswith("/account/login/")
    member = make_account()
    member.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "add_job"]))
    for account in (make_account(), make_account(is_staff=True), Account.objects.get(pk=member.pk)):
        assert browser_of(account).get(address).status_code == 403


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may_only_look_moves_nothing(action: str, browser_of: SignIn) -> None:
    job = services.submit("photos.verify_index")
    address = f"/staff/insight/{action}".replace("/1/", f"/{job.pk}/")
    assert Client().post(address).status_code == 302
    for account in (make_account(is_staff=True), able("view_job")):
        assert browser_of(account).post(address).status_code == 403
    assert Job.objects.count() == 1
    assert Job.objects.get().state == State.WAITING
    assert browser_of(able("view_job")).get(f"/staff/insight/jobs/{job.pk}/cancel/").status_code == 405


def test_the_ml_team_may_see_start_and_move_work(browser_of: SignIn) -> None:
    person = make_account(is_staff=True)
    person.groups.add(Group.objects.get(name=ML_TEAM))
    browser = browser_of(person)
    assert browser.get(SERVICES).status_code == 200
    assert browser.post(f"{SERVICES}verify-index/").status_code == 302
    assert browser.post(f"{SERVICES}create-dummy-listings/", {"count": 3}).status_code == 403


def test_every_service_has_a_card_that_says_whether_one_may_start_it(browser_of: SignIn) -> None:
    page = browser_of(able("view_job", "add_job")).get(SERVICES).content.decode()
    for name in ("create-dummy-listings", "import-catalogue", "recompute-embeddings", "rebuild-index", "prune-jobs"):
        assert f'id="service-{name}"' in page
    assert 'id="start-recompute-embeddings"' in page
    assert 'id="start-create-dummy-listings"' not in page
    assert "<code>listings.add_listing</code>" in page
    assert "No worker is running" in page


def test_a_service_that_is_asked_for_elsewhere_leads_there(browser_of: SignIn) -> None:
    person = make_account(is_staff=True)
    person.groups.add(Group.objects.get(name=ML_TEAM))
    browser = browser_of(person)
    assert b'id="start-export-data-set" href="/datasets/new/"' in browser.get(SERVICES).content
    assert browser.get(f"{SERVICES}export-data-set/")["Location"] == "/datasets/new/"
    assert browser.post(f"{SERVICES}export-data-set/").status_code == 302
    assert not Job.objects.exists()


def test_a_card_tells_of_the_last_run_and_asks_again_while_it_is_under_way(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)
    assert b"hx-trigger" not in browser.get(SERVICES).content
    services.submit("photos.verify_index")
    page = browser.get(SERVICES)
    assert b'hx-trigger="every 2s"' in page.content
    part = browser.get(SERVICES, headers=HTMX)
    assert b"<html" not in part.content
    Job.objects.update(state=State.SUCCEEDED, finished_at=timezone.now())
    assert b"hx-trigger" not in browser.get(SERVICES, headers=HTMX).content


def test_cards_cost_the_same_however_much_was_done(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)

    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            browser.get(SERVICES)
        return len(counted)

    services.submit("photos.verify_index", requested_by=keeper.pk)
    few = cost()
    for number in range(20):
        services.submit("listings.tag", {"listing_ids": [number]})
        services.submit("photos.prune", {"keep_days": 3 + number}, requested_by=keeper.pk)
    assert cost() == few


def test_options_are_sent_and_the_job_is_shown(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)
    assert b'name="count"' in browser.get(f"{SERVICES}create-dummy-listings/").content
    sent = {"count": "3", "categories": ["mug"], "lowest": "2", "highest": "9", "seller": "Try-out"}
    answer = browser.post(f"{SERVICES}create-dummy-listings/", sent)
    job = Job.objects.get()
    assert answer["Location"] == f"{JOBS}{job.pk}/"
    assert job.requested_by == keeper.pk
    assert job.payload["plan"] == {"mug": {"price": ["2", "9"]}}
    assert b"Asked for: Create dummy listings." in browser.get(answer["Location"]).content


def test_a_file_is_taken_with_the_form(browser_of: SignIn, keeper: Account) -> None:
    plan = SimpleUploadedFile("plan.json", b'{"vase": {"count": 2}}')
    page = browser_of(keeper).get(f"{SERVICES}create-dummy-listings/").content
    assert b'enctype="multipart/form-data"' in page
    browser_of(keeper).post(f"{SERVICES}create-dummy-listings/", {"plan": plan, "seller": "Try-out"})
    assert Job.objects.get().payload["count"] == 2


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(browser_of: SignIn, keeper: Account) -> None:
    answer = browser_of(keeper).post(f"{SERVICES}create-dummy-listings/", {"count": "0", "seller": "Try-out"})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"count"}
    assert b'value="Try-out"' in answer.content
    assert not Job.objects.exists()


def test_a_service_that_is_under_way_is_not_started_again(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)
    first = browser.post(f"{SERVICES}verify-index/")
    second = browser.post(f"{SERVICES}verify-index/", follow=True)
    assert second.redirect_chain[0][0] == first["Location"]
    assert b"is under way already" in second.content
    assert Job.objects.count() == 1


def test_an_unknown_service_or_job_is_not_there(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)
    for address in (f"{SERVICES}nonsense/", f"{JOBS}4711/", f"{JOBS}99999999999999999999/"):
        assert browser.get(address).status_code == 404


def a_job(**facts: Any) -> Job:
    job = services.submit("photos.recompute", {"only_missing": False})
    Job.objects.filter(pk=job.pk).update(**facts)
    return Job.objects.get(pk=job.pk)


RUNNING: dict[str, Any] = {"state": State.RUNNING, "lease_token": "t", "attempts": 1, "queue": "default"}


def test_a_running_job_tells_how_far_and_how_fast_and_asks_again(browser_of: SignIn, keeper: Account) -> None:
    now = timezone.now()
    facts = {**RUNNING, "lease_until": now + timedelta(minutes=1), "started_at": now - timedelta(seconds=100)}
    job = a_job(**facts, progress_done=50, progress_total=200)
    JobLine.objects.create(job=job, text="looked at <b>50</b> photos")
    page = browser_of(keeper).get(f"{JOBS}{job.pk}/").content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert '<progress max="200" value="50"' in page
    assert "50 of 200" in page
    assert "0.5 per second" in page
    assert "about 5 min" in page
    assert "looked at &lt;b&gt;50&lt;/b&gt; photos" in page
    part = browser_of(keeper).get(f"{JOBS}{job.pk}/", headers=HTMX).content.decode()
    assert part.lstrip().startswith('<div id="job"')


def test_a_job_that_is_over_asks_no_longer_and_tells_why_it_failed(browser_of: SignIn, keeper: Account) -> None:
    facts = {"state": State.FAILED, "error": "OSError: no room", "reference": "ab12cd34", "attempts": 5}
    job = a_job(**facts, started_at=timezone.now(), finished_at=timezone.now())
    JobItem.objects.create(job=job, name="0-63", state="failed", error="cannot be read", attempts=2)
    page = browser_of(keeper).get(f"{JOBS}{job.pk}/").content.decode()
    assert "hx-trigger" not in page
    for told in ("OSError: no room", "ab12cd34", "cannot be read", "Try again"):
        assert told in page


def test_a_parent_is_watched_until_the_last_of_its_children_has_ended(browser_of: SignIn, keeper: Account) -> None:
    parent = a_job(state=State.SUCCEEDED, finished_at=timezone.now(), result={"rows": 2})
    for state in ("succeeded", "waiting"):
        child = services.submit("jobs.prune", {"keep_days": 3}, parent=parent)
        Job.objects.filter(pk=child.pk).update(state=state)
    browser = browser_of(keeper)
    page = browser.get(f"{JOBS}{parent.pk}/").content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert "1 of 2" in page
    Job.objects.filter(parent=parent).update(state=State.SUCCEEDED)
    assert b"hx-trigger" not in browser.get(f"{JOBS}{parent.pk}/").content


def test_a_job_is_cancelled_and_tried_again_on_its_page(browser_of: SignIn, keeper: Account) -> None:
    browser, job = browser_of(keeper), a_job()
    assert b"Cancelled." in browser.post(f"{JOBS}{job.pk}/cancel/", follow=True).content
    assert b"It had ended before." in browser.post(f"{JOBS}{job.pk}/cancel/", follow=True).content
    assert b"It goes on" in browser.post(f"{JOBS}{job.pk}/retry/", follow=True).content
    job.refresh_from_db()
    assert job.state == State.WAITING
    assert b"Only a job that failed" in browser.post(f"{JOBS}{job.pk}/retry/", follow=True).content


def test_jobs_are_found_by_kind_state_person_and_time_page_by_page(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)
    own = services.submit("photos.verify_index", requested_by=keeper.pk)
    failed = a_job(state=State.FAILED, finished_at=timezone.now())
    old = a_job(created_at=timezone.now() - timedelta(days=2))
    many = [services.submit("jobs.prune", {"keep_days": 3}).pk for _number in range(60)]

    def found(query: str) -> list[int]:
        return [row.job.pk for row in browser.get(f"{JOBS}?{query}").context["rows"]]

    assert found("kind=photos.verify_index") == [own.pk]
    assert found("state=failed") == [failed.pk]
    assert found(f"person={keeper.pk}") == [own.pk]
    assert old.pk not in found("kind=photos.recompute&hours=24")
    assert old.pk in found("kind=photos.recompute&state=nonsense&hours=x&person=%00")
    first = browser.get(f"{JOBS}?kind=jobs.prune")
    assert len(first.context["rows"]) == 50
    assert found(first.context["more"]) == many[:10][::-1]
    assert b"No job is like that" in browser.get(f"{JOBS}?kind=nothing").content


def test_the_list_costs_the_same_however_long_it_is(browser_of: SignIn, keeper: Account) -> None:
    browser = browser_of(keeper)

    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            browser.get(JOBS)
        return len(counted)

    services.submit("photos.verify_index", requested_by=keeper.pk)
    few = cost()
    for _number in range(20):
        services.submit("jobs.prune", {"keep_days": 3}, requested_by=make_account().pk)
    assert cost() == few


def test_the_page_tells_how_the_work_goes(browser_of: SignIn, keeper: Account) -> None:
    now = timezone.now()
    a_job(state=State.FAILED, finished_at=now)
    a_job(state=State.SUCCEEDED, finished_at=now)
    waiting = a_job(run_after=now - timedelta(minutes=3))
    Worker.objects.create(owner=this_process(), seen_at=now)
    context = browser_of(keeper).get(JOBS).context
    assert (context["ended"], context["failed"], context["workers"], context["backlog"].pending) == (2, 1, 1, 1)
    assert context["oldest"].startswith("3 min")
    assert len(context["flow"]) == 24
    waiting.delete()
    part = browser_of(keeper).get(f"{JOBS}?flow=1", headers=HTMX)
    assert b"hx-trigger" not in part.content
    assert len(part.context["flow"]) == 60


def test_what_ended_is_counted_by_minute_and_by_hour() -> None:
    now = timezone.now().replace(minute=30, second=30, microsecond=0)
    for ago in (0, 1, 59, 61, 23 * 60, 24 * 60 + 60):
        a_job(state=State.SUCCEEDED, finished_at=now - timedelta(minutes=ago))
    a_job(state=State.CANCELLED, finished_at=now)
    assert sum(each.ended for each in throughput(hours=1, now=now)) == 3
    assert sum(each.ended for each in throughput(hours=24, now=now)) == 5
    assert throughput(hours=1, now=now)[-1].ended == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0042, "4 ms"),
        (0.9999, "1 s"),
        (7, "7 s"),
        (75, "1 min 15 s"),
        (3700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (-3, "0 ms"),
    ],
)
def test_durations_are_told_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


def test_every_kind_of_the_shop_is_called_something_that_can_be_read_in_portuguese() -> None:
    names = [kind.name for kind in kinds() if kind.run.__module__.startswith("feira.")]
    english = {name: title_of(name) for name in names}
    assert [name for name, title in english.items() if title == name] == []
    assert len(set(english.values())) == len(names)
    with override("pt"):
        assert [name for name in names if title_of(name) == english[name]] == []


def test_what_a_job_tells_is_said_for_people() -> None:
    told = facts_of({"before": 0.9624624, "heads": [], "serves": True, "version": None, "counts": {"a": 1}})
    assert told == [("before", "0.9625"), ("heads", "–"), ("serves", "yes"), ("counts", '{"a": 1}')]
