"""Insight pages: for staff with the permission alone, telling what is there, and what to do where nothing is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.feedback.models import SearchLog
from feira.shop.feedback.people import Person
from feira.shop.feedback.services import judge, record_click, record_search
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs.models import Job
from feira.shop.learning.models import Decision, LearnedPart
from feira.shop.learning.services import judge_candidate, promote, propose
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db
ADA = Person(None, "ada", "home")
SignIn = Callable[[Account], Client]


@pytest.fixture
def analyst() -> Account:
    person = make_account(is_staff=True)
    person.groups.add(Group.objects.get(name=ML_TEAM))
    return person


@pytest.fixture
def decider(analyst: Account) -> Account:
    analyst.user_permissions.add(Permission.objects.get(codename="decide_learnedpart"))
    return Account.objects.get(pk=analyst.pk)


@pytest.fixture
def part() -> LearnedPart:
    made = propose(
        part="query_ranker",
        content=b"{}",
        made_from={"pairs": 40},
        report={"weights_before": {"words": 1.0}, "weights_after": {"words": 1.5}},
    )
    queries = [f"query {number}" for number in range(12)]
    judge_candidate(
        made,
        live_per_query=dict.fromkeys(queries, 0.5),
        candidate_per_query={query: 0.5 + 0.01 * number for number, query in enumerate(queries)},
        metric="nDCG@10",
    )
    return made


def searched(text: str, *, times: int = 1, total: int = 3, took_ms: float = 5.0) -> None:
    for _number in range(times):
        record_search(key=text, text=text, listing_ids=[], total=total, took_ms=took_ms, person=ADA)


PAGES = ["", "query/?key=dress", "judged/", "learned/"]


@pytest.mark.parametrize("page", [*PAGES, "learned/1/"])
def test_guests_are_sent_to_sign_in_and_others_are_refused(page: str, browser_of: SignIn) -> None:
    address = f"/staff/insight/{page}"
    assert Client().get(address)["Location"].startswith("/account/login/")
    for account in (make_account(), make_account(is_staff=True)):
        assert browser_of(account).get(address).status_code == 403
    team_only = make_account()
    team_only.groups.add(Group.objects.get(name=ML_TEAM))
    assert browser_of(team_only).get(address).status_code == 403  # these pages are for staff


@pytest.mark.parametrize("page", PAGES)
def test_each_page_says_what_it_is_for_while_it_is_empty(page: str, browser_of: SignIn, analyst: Account) -> None:
    answer = browser_of(analyst).get(f"/staff/insight/{page}")
    assert answer.status_code == 200
    assert b"<h1>" in answer.content


def test_the_bar_leads_staff_with_the_permission_there(browser_of: SignIn, analyst: Account) -> None:
    assert b"/staff/insight/" in browser_of(analyst).get("/").content
    assert b"/staff/insight/" not in browser_of(make_account(is_staff=True)).get("/").content


@pytest.mark.parametrize(
    ("order", "first", "missing"),
    [
        ("top", "dress", "nothing-at-all"),
        ("without_results", "unicorn", "dress"),
        ("few_clicks", "boots", "unicorn"),
        ("slow", "tapestry", "rare"),
    ],
)
def test_queries_are_listed_by_what_one_wants_to_mend(
    order: str, first: str, missing: str, browser_of: SignIn, analyst: Account
) -> None:
    listing = make_listing()
    searched("dress", times=9)
    searched("boots", times=6)
    searched("unicorn", times=5, total=0)
    searched("tapestry", times=3, took_ms=900)
    searched("rare", took_ms=5000)
    for _click in range(4):
        record_click(key="dress", listing_id=listing.pk, position=1, person=ADA)
    answer = browser_of(analyst).get(f"/staff/insight/?order={order}")
    found = [row["key"] for row in answer.context["rows"]]
    assert found[0] == first
    assert missing not in found


def test_a_period_is_looked_at_and_pages_after_the_first_are_no_new_searches(
    browser_of: SignIn, analyst: Account
) -> None:
    searched("dress", times=2)
    record_search(key="dress", text="dress", listing_ids=[], total=30, took_ms=5, person=ADA, first_position=25)
    searched("old")
    SearchLog.objects.filter(key="old").update(at=timezone.now() - timedelta(days=10))
    browser = browser_of(analyst)
    week, month = (browser.get(f"/staff/insight/?days={days}").context for days in (7, 30))
    assert (week["totals"].searches, month["totals"].searches) == (2, 3)
    assert [count for _day, count, _without in month["daily"]].count(1) == 1
    assert len(week["bars"].bars) == 8
    assert browser.get("/staff/insight/?days=100000").context["days"] == 7


def test_the_list_costs_the_same_whatever_was_searched(browser_of: SignIn, analyst: Account) -> None:
    browser = browser_of(analyst)

    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            browser.get("/staff/insight/")
        return len(counted)

    searched("dress")
    few = cost()
    for number in range(40):
        searched(f"word{number}")
    assert cost() == few <= 16


def test_one_query_shows_what_people_did_and_the_answer_now_with_thumbs(browser_of: SignIn, analyst: Account) -> None:
    listing = make_listing(title="Red dress")
    record_search(key="dress", text="Dress", listing_ids=[listing.pk], total=1, took_ms=5, person=ADA)
    record_click(key="dress", listing_id=listing.pk, position=1, person=ADA)
    browser = browser_of(analyst)
    page = browser.get("/staff/insight/query/?key=dress").content.decode()
    assert page.count(f'id="thumbs-{listing.pk}"') == 1
    assert "Asked 1 time; 1 results opened." in page

    browser.post(f"/feedback/{listing.pk}/?query=dress&text=Dress", {"thumb": "1"})
    page = browser.get("/staff/insight/query/?key=dress").content.decode()
    assert 'aria-pressed="true"' in page.split(f'id="thumb-up-{listing.pk}"')[1].split(">")[0]
    assert b"Dress" in browser.get("/staff/insight/judged/").content


def test_a_query_by_somebodys_photo_does_not_show_the_photo(browser_of: SignIn, analyst: Account) -> None:
    record_search(key="photo:7", text="", listing_ids=[], total=1, took_ms=5, person=ADA)
    answer = browser_of(analyst).get("/staff/insight/query/?key=photo:7")
    assert answer.status_code == 200
    assert answer.context["is_photo_hidden"]


@pytest.mark.parametrize("key", ["", "!?", "\0"])
def test_what_is_no_query_is_not_found(key: str, browser_of: SignIn, analyst: Account) -> None:
    assert browser_of(analyst).get("/staff/insight/query/", {"key": key}).status_code == 404


def test_what_somebody_typed_is_shown_as_text(browser_of: SignIn, analyst: Account) -> None:
    record_search(key="b x", text="<b>x</b>", listing_ids=[], total=0, took_ms=5, person=ADA)
    page = browser_of(analyst).get("/staff/insight/").content
    assert b"<b>x</b>" not in page
    assert b"&lt;b&gt;x" in page


def test_the_report_of_a_learned_part_tells_before_and_after(
    browser_of: SignIn, analyst: Account, part: LearnedPart
) -> None:
    browser = browser_of(analyst)
    assert f"/staff/insight/learned/{part.pk}/" in browser.get("/staff/insight/learned/").content.decode()
    page = browser.get(f"/staff/insight/learned/{part.pk}/").content.decode()
    assert "nDCG@10 on 12 held-out queries: 0.500 before, 0.555 with this version." in page
    assert "11 queries got better, 0 worse, 1 stayed." in page
    assert "query 11" in page
    assert "<button" not in page.split('id="content"')[1].split("</main>")[0]  # to read is not to decide


def test_numbers_of_charts_stay_numbers_in_every_language(
    browser_of: SignIn, analyst: Account, part: LearnedPart
) -> None:
    searched("dress", times=3)
    for address in ("/staff/insight/", f"/staff/insight/learned/{part.pk}/"):
        page = browser_of(analyst).get(address, headers={"Accept-Language": "pt"}).content.decode()
        drawing = page.split("<figure")[1].split("</svg>")[0]
        assert not [piece for piece in drawing.split('"')[1::2] if "," in piece and not any(c.isalpha() for c in piece)]


def test_somebody_with_the_right_takes_a_version_back_and_lets_it_serve_again(
    browser_of: SignIn, decider: Account, part: LearnedPart
) -> None:
    browser = browser_of(decider)
    assert browser.post(f"/staff/insight/learned/{part.pk}/roll-back/", {"reason": "Odd"}).status_code == 302
    part.refresh_from_db()
    assert part.state == LearnedPart.State.RETIRED
    browser.post(f"/staff/insight/learned/{part.pk}/roll-back/")  # pressed twice: nothing more happens
    browser.post(f"/staff/insight/learned/{part.pk}/promote/", {"reason": "It was fine"})
    part.refresh_from_db()
    assert part.state == LearnedPart.State.LIVE
    told = list(Decision.objects.order_by("pk").values_list("state", "account", "reason"))
    assert told[1:] == [("retired", decider.pk, "Odd"), ("live", decider.pk, "It was fine")]
    page = browser.get(f"/staff/insight/learned/{part.pk}/").content.decode()
    assert "It was fine" in page
    assert decider.get_short_name() in page


@pytest.mark.parametrize("action", ["{pk}/promote/", "{pk}/roll-back/", "train/"])
def test_to_decide_takes_its_own_permission_and_a_form(
    action: str, browser_of: SignIn, analyst: Account, part: LearnedPart
) -> None:
    address = "/staff/insight/learned/" + action.format(pk=part.pk)
    assert Client().post(address)["Location"].startswith("/account/login/")
    assert browser_of(analyst).post(address).status_code == 403
    assert browser_of(analyst).get(address).status_code == 405
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(analyst)
    assert forged.post(address).status_code == 403
    assert not Decision.objects.filter(account__isnull=False).exists()
    assert not Job.objects.filter(kind="insight.train_ranker").exists()


def test_training_is_asked_for_once_at_a_time(browser_of: SignIn, decider: Account) -> None:
    browser = browser_of(decider)
    for _press in range(2):
        assert browser.post("/staff/insight/learned/train/").status_code == 302
    assert Job.objects.get(kind="insight.train_ranker").requested_by == decider.pk
    assert browser.get("/staff/insight/learned/").context["is_training"]


def test_an_older_version_is_named_as_what_comes_back(browser_of: SignIn, decider: Account, part: LearnedPart) -> None:
    second = promote(propose(part="query_ranker", content=b"{}"))
    page = browser_of(decider).get(f"/staff/insight/learned/{second.pk}/").content.decode()
    assert "version 1 serves again" in page
    assert browser_of(decider).get("/staff/insight/learned/999999/").status_code == 404


def test_judgements_count_on_the_judged_page(browser_of: SignIn, analyst: Account) -> None:
    listing = make_listing()
    for name, value in (("ada", 1), ("bob", 1), ("eve", -1)):
        judge(key="hat", text="Hat", listing_id=listing.pk, value=value, person=Person(None, name, name))
    (row,) = browser_of(analyst).get("/staff/insight/judged/").context["rows"]
    assert (row["text"], row["right"], row["wrong"], row["listings"]) == ("Hat", 2, 1, 1)
