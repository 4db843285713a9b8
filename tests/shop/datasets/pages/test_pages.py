"""The pages: who may open them, what they show at each stage, and what their buttons do."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from feira.shop.accounts.models import Account
from feira.shop.datasets import services
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotTag
from feira.shop.datasets.showing import duration_text
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs.models import Job, State
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db

READ = ["", "new/", "{pk}/", "{pk}/work/", "{pk}/items/", "{pk}/diff/?with={pk}", "{pk}/picture/0/0/"]
CHANGE = ["new/", "new/estimate/", "new/preview/"]
BUTTONS = ("cancel", "retry", "again", "tag", "untag", "keep", "delete", "download", "link")
CHANGE += [f"{{pk}}/{what}/" for what in BUTTONS]
SignIn = Callable[[Account], Client]


@pytest.fixture
def asked_for(analyst: Account) -> DatasetRequest:
    """A data set of which nothing has been done so far."""
    make_listing()
    asked = asked_from_json({"image": {"fit": "longest", "size": 64}})
    return services.ask_for_dataset(asked, by=analyst, name="Autumn shoes")


@pytest.mark.parametrize("path", READ)
def test_guests_are_sent_to_sign_in_and_others_are_refused(
    path: str, asked_for: DatasetRequest, browser_of: SignIn
) -> None:
    address = f"/datasets/{path.format(pk=asked_for.pk)}"
    assert Client().get(address)["Location"].startswith("/account/login/")
    for account in (make_account(), make_account(is_staff=True)):
        assert browser_of(account).get(address).status_code == 403


@pytest.mark.parametrize("path", CHANGE)
def test_nobody_else_changes_anything(path: str, asked_for: DatasetRequest, browser_of: SignIn) -> None:
    address = f"/datasets/{path.format(pk=asked_for.pk)}"
    assert Client().post(address)["Location"].startswith("/account/login/")
    assert browser_of(make_account(is_staff=True)).post(address).status_code == 403
    assert DatasetRequest.objects.count() == 1
    assert set(Job.objects.values_list("state", flat=True)) <= {State.WAITING, State.QUEUED}


@pytest.mark.parametrize("path", CHANGE[1:])
def test_what_changes_something_is_not_done_by_following_a_link(
    path: str, asked_for: DatasetRequest, pages: Client
) -> None:
    assert pages.get(f"/datasets/{path.format(pk=asked_for.pk)}").status_code == 405


@pytest.mark.parametrize("path", [*READ[2:], *CHANGE[3:]])
def test_a_data_set_that_is_not_there_is_not_found(path: str, pages: Client) -> None:
    for number in ("99", "9" * 30):
        address = f"/datasets/{path.format(pk=number)}"
        answer = pages.get(address) if path in READ else pages.post(address)
        assert answer.status_code == 404


def test_an_empty_list_says_what_this_is_and_what_to_do(pages: Client) -> None:
    shown = pages.get("/datasets/").text
    assert "No data set was asked for so far" in shown
    assert 'href="/datasets/new/"' in shown


def test_the_list_tells_states_and_can_be_narrowed(asked_for: DatasetRequest, pages: Client, analyst: Account) -> None:
    stopped = services.ask_for_dataset(Asked(), by=analyst, name="Old hats")
    services.cancel_dataset(stopped)
    states = ("", "working", "ready", "stopped")
    assert {state: _names(pages.get(f"/datasets/?state={state}").text) for state in states} == {
        "": ["Old hats", "Autumn shoes"],
        "working": ["Autumn shoes"],
        "ready": [],
        "stopped": ["Old hats"],
    }
    assert "every 3s" in pages.get("/datasets/").text
    assert "every 3s" not in pages.get("/datasets/?state=stopped").text
    assert _names(pages.get("/datasets/?page=1").text) == []


def _names(shown: str) -> list[str]:
    return [name for name in ("Old hats", "Autumn shoes") if f">{name}<" in shown]


def test_work_is_followed_without_reload_until_it_is_over(asked_for: DatasetRequest, pages: Client) -> None:
    address = f"/datasets/{asked_for.pk}/"
    assert f'hx-get="{address}work/"' in pages.get(address).text
    part = pages.get(f"{address}work/", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "Find the photos" in part.text
    assert "HX-Refresh" not in part.headers
    services.cancel_dataset(asked_for)
    assert pages.get(f"{address}work/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert pages.get(f"{address}work/")["Location"] == address


def test_work_is_stopped_and_goes_on(asked_for: DatasetRequest, pages: Client) -> None:
    address = f"/datasets/{asked_for.pk}/"
    stopped = pages.post(f"{address}cancel/", follow=True).text
    assert "It is stopped" in stopped
    assert "Go on where it stopped" in stopped
    assert Job.objects.get(kind="datasets.resolve").state == State.CANCELLED
    assert "It goes on" in pages.post(f"{address}retry/", follow=True).text
    assert Job.objects.get(kind="datasets.resolve").state in (State.WAITING, State.QUEUED)
    assert "Nothing had failed" in pages.post(f"{address}retry/", follow=True).text


def test_a_failure_tells_its_reason(asked_for: DatasetRequest, pages: Client) -> None:
    reason = "No photo passes the filters any more."
    Job.objects.filter(kind="datasets.resolve").update(state=State.FAILED, error=reason)
    shown = pages.get(f"/datasets/{asked_for.pk}/").text
    assert reason in shown
    assert "Go on where it stopped" in shown
    assert reason in pages.get(f"/datasets/{asked_for.pk}/items/").text


def test_nothing_is_fetched_named_or_deleted_before_there_is_something(
    asked_for: DatasetRequest, pages: Client
) -> None:
    for what in ("download", "link", "delete", "tag", "keep"):
        shown = pages.post(f"/datasets/{asked_for.pk}/{what}/", {"tag": "best", "keep": "1"}, follow=True)
        assert "notice--error" in shown.text
    assert not SnapshotTag.objects.exists()
    assert not Snapshot.objects.filter(keep=True).exists()


def test_the_profile_and_the_staff_bar_lead_the_team_there(pages: Client, browser_of: SignIn) -> None:
    profile = reverse("accounts:profile")
    assert 'href="/datasets/"' in pages.get(profile).text
    member = make_account(is_staff=True)
    assert 'href="/datasets/"' not in browser_of(member).get(profile).text
    member.groups.add(Group.objects.get(name=ML_TEAM))
    assert browser_of(Account.objects.get(pk=member.pk)).get("/").text.count('href="/datasets/"') == 1


def test_durations_are_told_in_the_largest_unit_that_says_enough() -> None:
    assert [duration_text(each) for each in (0, 1.4, 99, 150, 5_000, 7_200)] == [
        "1 second",
        "1 second",
        "99 seconds",
        "3 minutes",
        "83 minutes",
        "2 hours",
    ]
