"""Segments on pages and over the API: for staff with the permission; who is in them only as far as one may know."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from feira.shop.accounts.models import Account
from feira.shop.insight.models import Segment, Segmentation, SegmentMember
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs import running
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.services import submit
from feira.shop.listings.models import Listing
from feira.shop.listings.services import category_at
from tests.factories import make_account, make_listing
from tests.shop.insight.planted import BAGS, plant_customers

pytestmark = pytest.mark.django_db
SignIn = Callable[[Account], Client]
PAGE = "/staff/insight/segments/"
API = "/api/v1/segments/"


def able(*codenames: str, **facts: Any) -> Account:
    person = make_account(**{"is_staff": True, **facts})
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Account.objects.get(pk=person.pk)


@pytest.fixture
def reader() -> Account:
    return able("view_segmentation")


@pytest.fixture
def people() -> dict[str, list[Account]]:
    """Customers of three behaviours, parted: bags are segment 1, lamps 2, sellers 3."""
    bags = category_at(("Bags",))
    catalogue = [make_listing(title=f"Photographed bag {number}", price="9", category=bags) for number in range(3)]
    found = plant_customers(catalogue=catalogue)
    # Whoever sold the photographed bags is nobody of these.
    Account.objects.filter(seller__listings__in=catalogue).update(is_active=False)
    part()
    return found


def part(**options: Any) -> Job:
    job = submit("insight.segment_customers", {"segments": None, "active_days": None, **options})
    assert running.run(job.pk) == State.SUCCEEDED
    return job


def shrink(number: int, to: int) -> None:
    """Let members of a segment leave until so many are left."""
    leaving = SegmentMember.objects.filter(segment__number=number).values_list("account_id", flat=True)[to:]
    Account.objects.filter(pk__in=list(leaving)).delete()


# Who may


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}1/"])
def test_guests_are_sent_to_sign_in_and_others_are_refused(
    path: str, browser_of: SignIn, people: dict[str, list[Account]]
) -> None:
    assert Client().get(path)["Location"].startswith("/account/login/")
    team = make_account(is_staff=True)
    team.groups.add(Group.objects.get(name=ML_TEAM))
    for account in (make_account(), make_account(is_staff=True), able("view_segmentation", is_staff=False), team):
        assert browser_of(account).get(path).status_code == 403


@pytest.mark.parametrize("path", [API, f"{API}1/members/", f"{API}?format=csv", f"{API}1/members/?format=csv"])
def test_the_api_refuses_as_the_pages_do(path: str, browser_of: SignIn, people: dict[str, list[Account]]) -> None:
    assert Client().get(path).status_code == 401
    for account in (make_account(), make_account(is_staff=True), able("view_segmentation", is_staff=False)):
        answer = browser_of(account).get(path)
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/problem+json"


def test_to_see_is_not_to_name_and_not_to_start(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    browser = browser_of(reader)
    assert b'name="name"' not in browser.get(f"{PAGE}1/").content
    assert browser.post(f"{PAGE}1/name/", {"name": "Bag people"}).status_code == 403
    assert browser_of(able("change_segmentation")).get(f"{PAGE}1/name/").status_code == 405
    assert Client().post(f"{PAGE}1/name/", {"name": "x"})["Location"].startswith("/account/login/")
    assert not Segment.objects.exclude(name="").exists()
    assert b"segment-customers/" not in browser.get(PAGE).content
    starter = able("view_segmentation", "view_job", "add_job")
    assert b"<code>insight.add_segmentation</code>" in browser_of(starter).get("/staff/insight/services/").content
    assert browser_of(starter).post("/staff/insight/services/segment-customers/").status_code == 403


def test_the_bar_and_the_chips_lead_those_there_who_may_see_them(browser_of: SignIn, reader: Account) -> None:
    assert PAGE.encode() in browser_of(reader).get("/").content
    assert b'aria-current="page">Segments' in browser_of(reader).get(PAGE).content
    other = browser_of(able("view_job"))
    assert PAGE.encode() not in other.get("/").content
    assert PAGE.encode() not in other.get("/staff/insight/jobs/").content


# What is told


def test_an_empty_shop_says_what_to_do_to_whoever_may_do_it(browser_of: SignIn, reader: Account) -> None:
    page = browser_of(reader).get(PAGE).content.decode()
    assert "Ask somebody who may run it" in page
    assert "Run the service" not in page
    starter = able("view_segmentation", "add_segmentation", "view_job")
    page = browser_of(starter).get(PAGE).content.decode()
    assert 'href="/staff/insight/services/segment-customers/">Run the service' in page
    assert "It takes 30 customers" in page
    assert browser_of(reader).get(f"{PAGE}1/").status_code == 404
    submit("insight.segment_customers", {"segments": None, "active_days": None})
    assert "The first segments are being made" in browser_of(starter).get(PAGE).content.decode()


def test_the_service_is_started_from_its_page_and_leads_to_the_segments(browser_of: SignIn) -> None:
    starter = browser_of(able("view_segmentation", "add_segmentation", "view_job"))
    refused = starter.post("/staff/insight/services/segment-customers/", {"segments": "", "active_days": ""})
    assert refused.status_code == 422
    assert b"30 customers are needed" in refused.content
    assert not Job.objects.exists()
    plant_customers()
    asked = starter.post("/staff/insight/services/segment-customers/", {"segments": "3", "active_days": ""})
    job = Job.objects.get()
    assert asked["Location"] == f"/staff/insight/jobs/{job.pk}/"
    assert running.run(job.pk) == State.SUCCEEDED
    assert b'href="/staff/insight/segments/">See the segments' in starter.get(asked["Location"]).content


def test_a_card_says_what_sets_a_segment_apart_with_bars_and_pictures(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    answer = browser_of(reader).get(PAGE)
    page = answer.content.decode()
    assert "54 customers in 3 groups that do alike." in page
    assert "Likes Bags under €14, was here this week" in page
    assert "Segment 1 · 24 customers, 44 %" in page
    bags, lamps, sellers = answer.context["segments"]
    assert {card["title"] for card in bags.pictures} == {f"Photographed bag {number}" for number in range(3)}
    assert not lamps.pictures
    assert not sellers.pictures
    assert "<dt>Listings sold</dt>" in page
    assert [bar.value for bar in answer.context["bars"].bars] == [24, 18, 12]
    assert "hardly apart" not in page
    Segmentation.objects.update(silhouette=0.1)
    assert "hardly apart" in browser_of(reader).get(PAGE).content.decode()


def test_a_listing_that_is_gone_is_not_shown_among_the_pictures(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    browser = browser_of(reader)
    shown = browser.get(PAGE).context["segments"][0].pictures
    Listing.objects.filter(pk=shown[0]["id"]).update(state=Listing.State.ARCHIVED)
    again = browser.get(PAGE).context["segments"][0].pictures
    assert shown[0]["id"] not in [card["id"] for card in again]
    assert len(again) == 2


def test_the_page_costs_the_same_however_many_customers_and_segments(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    browser = browser_of(reader)

    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            browser.get(path)
        return len(counted)

    cost(f"{PAGE}1/")  # the secret of pseudonyms is made once
    few, one = cost(PAGE), cost(f"{PAGE}1/")
    plant_customers(likers=80, lookers=5, sellers=5, seed=1)
    part(segments=6)
    assert cost(PAGE) == few <= 12
    assert cost(f"{PAGE}1/") == one <= 10


def test_the_history_of_runs_says_which_is_shown(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    part(segments=2)
    answer = browser_of(reader).get(PAGE)
    assert [run.k for run in answer.context["runs"]] == [2, 3]
    assert answer.content.decode().count("chip--live") == 1


def test_words_are_told_in_the_language_of_whoever_reads(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    with override("pt"):
        page = browser_of(reader).get(PAGE, headers={"Accept-Language": "pt"}).content.decode()
    assert "Bags" in page
    assert "was here this week" not in page


# Names


def test_staff_give_a_name_and_take_it_back(browser_of: SignIn, people: dict[str, list[Account]]) -> None:
    browser = browser_of(able("view_segmentation", "change_segmentation"))
    assert browser.post(f"{PAGE}1/name/", {"name": "<b>Bag</b> people"})["Location"] == f"{PAGE}1/"
    page = browser.get(PAGE).content.decode()
    assert "&lt;b&gt;Bag&lt;/b&gt; people" in page
    assert "Likes Bags under €14" in page  # what describes them stands below
    refused = browser.post(f"{PAGE}1/name/", {"name": "x" * 81})
    assert refused.status_code == 422
    assert b"field--wrong" in refused.content
    assert Segment.objects.get(number=1).name == "<b>Bag</b> people"
    browser.post(f"{PAGE}1/name/", {"name": " "})
    assert Segment.objects.get(number=1).name == ""
    assert browser.post(f"{PAGE}9/name/", {"name": "x"}).status_code == 404


# Members


def test_names_are_for_those_who_may_see_accounts_and_pseudonyms_for_others(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    page = browser_of(reader).get(f"{PAGE}1/").content.decode()
    assert page.count("customer-") == 24
    assert "Bags 3" not in page
    assert "@example.org" not in page.replace(reader.email, "")
    page = browser_of(able("view_segmentation", "view_account")).get(f"{PAGE}1/").content.decode()
    assert "customer-" not in page
    assert all(f">{account.display_name}</a>" in page for account in people[BAGS])


def test_members_come_in_pages_that_meet_without_a_gap(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feira.shop.insight.segments_shown.MEMBERS_SHOWN", 10)
    browser = browser_of(reader)
    whole: list[str] = []
    path = f"{API}1/members/"
    for size in (10, 10, 4):
        body = browser.get(path).json()
        assert len(body["results"]) == size
        assert all(row["account_id"] is None and row["name"] == "" for row in body["results"])
        whole += [row["pseudonym"] for row in body["results"]]
        path = f"{API}1/members/?after={body['next_cursor']}"
    assert body["next_cursor"] is None
    assert len(set(whole)) == 24
    first = browser.get(f"{PAGE}1/")
    second = browser.get(f"{PAGE}1/?after={first.context['members'].next_cursor}")
    assert [member.pseudonym for member in second.context["members"].rows] == whole[10:20]
    # Neither a cursor of another segment nor one that somebody made up leads anywhere.
    cursor = browser.get(f"{API}2/members/").json()["next_cursor"]
    assert browser.get(f"{API}1/members/?after={cursor}").json()["code"] == "invalid_cursor"
    assert browser.get(f"{PAGE}1/?after=nonsense").status_code == 404


def test_pseudonyms_stay_the_same_from_run_to_run(
    browser_of: SignIn, reader: Account, people: dict[str, list[Account]]
) -> None:
    def pseudonyms() -> set[str]:
        return {row["pseudonym"] for row in browser_of(reader).get(f"{API}1/members/").json()["results"]}

    before = pseudonyms()
    part()
    assert pseudonyms() == before


@pytest.mark.parametrize("left", [4, 0])
def test_of_a_small_segment_no_members_and_no_pictures_are_told(
    left: int, browser_of: SignIn, people: dict[str, list[Account]]
) -> None:
    browser = browser_of(able("view_segmentation", "view_account"))
    shrink(1, 5)
    assert browser.get(PAGE).context["segments"][0].pictures
    assert len(browser.get(f"{API}1/members/").json()["results"]) == 5
    shrink(1, left)
    segments = browser.get(PAGE)
    assert segments.context["segments"][0].is_small
    assert not segments.context["segments"][0].pictures
    assert b"Fewer than 5 people" in segments.content
    page = browser.get(f"{PAGE}1/")
    assert page.context["members"] is None
    assert b"Bags 1" not in page.content
    for asked in ("", "?format=csv"):
        answer = browser.get(f"{API}1/members/{asked}")
        assert answer.status_code == 403
        assert answer.json()["code"] == "segment_too_small"
    assert browser.get(API).json()["segments"][0]["liked"] == []


# Programs


def test_programs_read_segments_as_json(browser_of: SignIn, reader: Account, people: dict[str, list[Account]]) -> None:
    answer = browser_of(reader).get(API)
    assert answer["Cache-Control"] == "private, no-store"
    body = answer.json()
    assert body["segmentation"]["customers"] == 54
    assert body["segmentation"]["requested"] == {"segments": None, "active_days": None}
    assert [(each["number"], each["size"]) for each in body["segments"]] == [(1, 24), (2, 18), (3, 12)]
    assert body["segments"][0]["means"]["sold"] == 0
    assert body["segments"][2]["means"]["median_price"] is None
    assert len(body["segments"][0]["liked"]) == 3


def test_before_the_first_run_there_are_no_segments(browser_of: SignIn, reader: Account) -> None:
    browser = browser_of(reader)
    assert browser.get(API).json() == {"segmentation": None, "segments": []}
    assert browser.get(f"{API}1/members/").status_code == 404


def test_tables_come_as_csv_with_nothing_that_a_spreadsheet_would_run(
    browser_of: SignIn, people: dict[str, list[Account]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feira.shop.insight.segments_shown._AT_ONCE", 7)
    Segment.objects.filter(number=1).update(name="=HYPERLINK(1)")
    Account.objects.filter(pk=people[BAGS][0].pk).update(display_name="+1+1")
    plain = browser_of(able("view_segmentation"))
    table = read(plain.get(f"{API}?format=csv"))
    assert table[0][:5] == ["number", "title", "name", "size", "share"]
    assert table[1][2] == "'=HYPERLINK(1)"
    assert len(table) == 4
    assert {len(row) for row in table} == {16}
    members = read(plain.get(f"{API}1/members/?format=csv"))
    assert members[0] == ["pseudonym"]
    assert len(members) == 25
    named = read(browser_of(able("view_segmentation", "view_account")).get(f"{API}1/members/?format=csv"))
    assert named[0] == ["pseudonym", "account_id", "name"]
    assert "'+1+1" in {row[2] for row in named}
    assert {row[0] for row in named} == {row[0] for row in members}
    assert plain.get(f"{API}?format=parquet").status_code == 406


def read(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv"
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
