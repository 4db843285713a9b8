"""What somebody likes becomes their taste, recommends to them alone, and goes when they say so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from feira.core.recommend.interests import Interests
from feira.core.recommend.taste_settings import TasteSettings
from feira.shop.accounts.models import Account
from feira.shop.feed import taste
from feira.shop.feed.finding_taste import PART, find_tastes, live_settings
from feira.shop.feed.for_you import recommended_to
from feira.shop.feed.models import Like, Taste
from feira.shop.feed.services import like, unlike
from feira.shop.feedback.models import Click
from feira.shop.feedback.people import Person, visitor_of_account
from feira.shop.feedback.services import record_click
from feira.shop.jobs import services as jobs
from feira.shop.jobs.leases import claim
from feira.shop.jobs.models import Job, JobItem, State
from feira.shop.jobs.registry import get_kind
from feira.shop.learning.services import promote, propose, roll_back
from feira.shop.listings.models import Listing
from feira.shop.listings.services import archive_listing, mark_sold
from tests.factories import make_account, make_listing, make_seller, owner_of

pytestmark = pytest.mark.django_db

RED, BLUE = (200, 30, 30), (30, 30, 200)


@dataclass(frozen=True, slots=True)
class Stall:
    """Eight red listings and eight blue ones, each of a seller of its own, in the index."""

    reds: list[Listing]
    blues: list[Listing]


@pytest.fixture
def stall(work_done: Callable[[], None]) -> Stall:
    reds = [make_listing(title=f"Red {n}", colour=(200 - 2 * n, 30, 30)) for n in range(8)]
    blues = [make_listing(title=f"Blue {n}", colour=(30, 30, 200 - 2 * n)) for n in range(8)]
    work_done()
    return Stall(reds, blues)


def likes(account: Account, *listings: Listing) -> None:
    """Let an account like listings, and do what follows."""
    for listing in listings:
        like(account=account, listing=listing)
    jobs.run_until_idle()
    account.refresh_from_db()


def opens(account: Account, *listings: Listing) -> None:
    """Let an account open results, and do what follows without waiting for it to be due."""
    for listing in listings:
        person = Person(account.pk, visitor_of_account(account.pk), "")
        record_click(key="anything", listing_id=listing.pk, position=1, person=person)
    Job.objects.filter(kind=taste.UPDATE).update(run_after=timezone.now())
    jobs.run_until_idle()
    account.refresh_from_db()


def titles(account: Account) -> list[str]:
    account.refresh_from_db()
    return [each.card["title"] for each in recommended_to(account)]


def test_three_reds_recommend_the_other_reds_each_with_a_red_that_explains_it(stall: Stall) -> None:
    account = make_account()
    likes(account, *stall.reds[:3])
    assert account.taste == Account.Taste.KEPT
    found = recommended_to(account)
    assert {each.card["title"] for each in found[:5]} == {listing.title for listing in stall.reds[3:]}
    for each in found[:5]:
        assert each.is_liked
        assert each.because is not None
        assert each.because["title"] in {"Red 0", "Red 1", "Red 2"}
    assert not {each.card["id"] for each in found} & {listing.pk for listing in stall.reds[:3]}


def test_two_tastes_take_turns_and_are_explained_by_their_own(stall: Stall) -> None:
    account = make_account()
    likes(account, *stall.reds[:2], *stall.blues[:2])
    row = Taste.objects.get(pk=account.pk)
    assert len(Interests.unpack(bytes(row.interests))) == 2
    found = recommended_to(account)
    assert sorted(each.card["title"][0] for each in found[:6]) == ["B", "B", "B", "R", "R", "R"]
    for each in found:
        assert each.because is not None
        assert each.because["title"][0] == each.card["title"][0]


def test_what_was_liked_lately_counts_more(stall: Stall) -> None:
    account = make_account()
    likes(account, *stall.reds[:2], *stall.blues[:2])
    Like.objects.filter(listing__in=stall.reds).update(created_at=timezone.now() - timedelta(days=60))
    taste.keep_tastes(find_tastes([account.pk]))
    # Two half-lives: blue weighs four times as much.
    assert [title[0] for title in titles(account)[:5]].count("B") == 4


def test_no_longer_liking_takes_back_what_it_recommended(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0], stall.blues[0])
    assert {title[0] for title in titles(account)} == {"B", "R"}
    unlike(account=account, listing=stall.reds[0])
    jobs.run_until_idle()
    assert titles(account)[0].startswith("Blue")
    assert len(Interests.unpack(bytes(Taste.objects.get(pk=account.pk).interests))) == 1
    unlike(account=account, listing=stall.blues[0])
    jobs.run_until_idle()
    assert titles(account) == []
    assert account.taste == Account.Taste.NONE


def test_what_was_opened_counts_less_and_is_said_to_have_been_opened(stall: Stall) -> None:
    account = make_account()
    opens(account, stall.blues[0], stall.blues[0], stall.blues[1])
    assert [each.is_liked for each in recommended_to(account)[:3]] == [False] * 3
    assert titles(account)[0].startswith("Blue")
    likes(account, stall.reds[0])
    # One heart against two looks of 0.3 each.
    assert titles(account)[0].startswith("Red")


def test_looking_around_asks_for_one_update(stall: Stall) -> None:
    account = make_account()
    before = timezone.now()
    for listing in stall.reds[:4]:
        person = Person(account.pk, visitor_of_account(account.pk), "")
        record_click(key="red", listing_id=listing.pk, position=1, person=person)
    waiting = Job.objects.get(kind=taste.UPDATE)
    assert (waiting.payload, waiting.state) == ({"account_id": account.pk}, "waiting")
    assert waiting.run_after > before + timedelta(seconds=10)


def test_guests_have_no_taste(stall: Stall) -> None:
    record_click(key="red", listing_id=stall.reds[0].pk, position=1, person=Person(None, "somebody", "somewhere"))
    assert Click.objects.exists()
    assert not Job.objects.filter(kind=taste.UPDATE).exists()


def test_own_and_sold_and_withdrawn_things_are_not_recommended(stall: Stall, work_done: Callable[[], None]) -> None:
    own, sold, gone = stall.reds[3:6]
    account = owner_of(own.seller)
    mark_sold(listing=sold)
    archive_listing(listing=gone)
    work_done()
    likes(account, *stall.reds[:3])
    assert sorted(titles(account)[:2]) == ["Red 6", "Red 7"]
    assert not {own.title, sold.title, gone.title} & set(titles(account))


def test_ones_own_things_say_nothing_about_ones_taste(stall: Stall) -> None:
    account = owner_of(stall.reds[0].seller)
    likes(account, stall.reds[0])
    assert titles(account) == []


def test_a_liked_thing_that_was_sold_still_speaks_but_one_that_is_gone_does_not(
    stall: Stall, work_done: Callable[[], None]
) -> None:
    account = make_account()
    likes(account, stall.reds[0], stall.blues[0])
    mark_sold(listing=stall.reds[0])
    archive_listing(listing=stall.blues[0])
    work_done()
    assert {each.because["title"] for each in recommended_to(account) if each.because} == {"Red 0"}
    taste.keep_tastes(find_tastes([account.pk]))
    assert titles(account)[0].startswith("Red")
    assert len(Interests.unpack(bytes(Taste.objects.get(pk=account.pk).interests))) == 1


def test_what_was_sold_a_moment_ago_is_not_shown(stall: Stall) -> None:
    account = make_account()
    likes(account, *stall.reds[:2])
    first = recommended_to(account)[0].card
    mark_sold(listing=Listing.objects.get(pk=first["id"]))
    assert first["title"] not in titles(account)


def test_no_seller_fills_the_list_while_there_are_others(work_done: Callable[[], None]) -> None:
    big = make_seller()
    liked = make_listing(title="Red", colour=RED)
    for number in range(8):
        make_listing(big, title=f"Big {number}", colour=(199 - number, 30, 30))
        make_listing(title=f"Small {number}", colour=(180 - number, 34, 30))
    work_done()
    account = make_account()
    likes(account, liked)
    assert len(titles(account)) == 16
    assert sum(title.startswith("Big") for title in titles(account)[:12]) == 4


def test_forgetting_starts_anew_with_what_is_liked_afterwards(stall: Stall) -> None:
    account = make_account()
    likes(account, *stall.reds[:3])
    taste.forget_taste(account)
    assert titles(account) == []
    assert not Taste.objects.exists()
    assert Like.objects.count() == 3, "hearts stay"
    likes(account, stall.blues[0])
    assert len(Interests.unpack(bytes(Taste.objects.get(pk=account.pk).interests))) == 1
    assert titles(account)[0].startswith("Blue")


def test_a_job_that_was_under_way_does_not_bring_back_what_was_forgotten(stall: Stall) -> None:
    account, other = make_account(), make_account()
    likes(account, stall.reds[0])
    likes(other, stall.reds[0])
    found = find_tastes([account.pk, other.pk])
    taste.forget_taste(account)
    assert taste.keep_tastes(found) == 1
    assert list(Taste.objects.values_list("pk", flat=True)) == [other.pk]
    account.refresh_from_db()
    assert account.taste == Account.Taste.NONE


def test_who_does_not_want_it_has_no_taste_and_no_work_is_done_for_them(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0])
    found = find_tastes([account.pk])
    taste.want_taste(account, is_wanted=False)
    assert taste.keep_tastes(found) == 0
    assert not Taste.objects.exists()
    before = Job.objects.count()
    like(account=account, listing=stall.reds[1])
    assert Job.objects.count() == before
    opens(account, stall.reds[2])
    assert not Taste.objects.exists()
    assert account.taste == Account.Taste.OFF
    taste.forget_taste(account)
    account.refresh_from_db()
    assert account.taste == Account.Taste.OFF, "to forget is not to want it again"


def test_who_wants_it_again_has_it_from_everything_they_like(stall: Stall) -> None:
    account = make_account()
    taste.want_taste(account, is_wanted=False)
    likes(account, *stall.reds[:2])
    for _again in range(2):
        taste.want_taste(account, is_wanted=True)
    jobs.run_until_idle()
    assert titles(account)[0].startswith("Red")


def test_an_older_answer_does_not_replace_a_newer_one(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0])
    older = find_tastes([account.pk])
    unlike(account=account, listing=stall.reds[0])
    likes(account, stall.blues[0])
    assert taste.keep_tastes(older) == 0
    assert titles(account)[0].startswith("Blue")


def test_a_heart_set_while_a_job_runs_is_not_lost(stall: Stall) -> None:
    account = make_account()
    like(account=account, listing=stall.reds[0])
    assert claim(Job.objects.get(kind=taste.UPDATE), get_kind(taste.UPDATE))
    for listing in stall.reds[1:3]:
        like(account=account, listing=listing)
    assert Job.objects.filter(kind=taste.UPDATE).count() == 2
    assert Job.objects.filter(kind=taste.UPDATE).latest("pk").state != State.RUNNING


def test_taste_goes_with_its_account(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0])
    assert Taste.objects.count() == 1
    account.delete()
    assert not Taste.objects.exists()


def test_the_job_waits_for_an_engine_that_is_away() -> None:
    account, listing = make_account(), make_listing()
    like(account=account, listing=listing)
    jobs.run_until_idle()
    job = Job.objects.get(kind=taste.UPDATE)
    assert (job.state, "EngineUnavailable" in job.error) == ("waiting", True)
    assert not Taste.objects.exists()


def test_many_people_cost_one_search_and_not_a_query_each(stall: Stall) -> None:
    def cost(count: int) -> int:
        people = [make_account() for _number in range(count)]
        for account in people:
            like(account=account, listing=stall.reds[0])
        with CaptureQueriesContext(connection) as seen:
            assert taste.keep_tastes(find_tastes([account.pk for account in people])) == count
        return len(seen)

    assert cost(1) == cost(12)


# What drifts, and who sets it right.


def drifted() -> list[int]:
    return list(taste.drifted_people().values_list("pk", flat=True))


def test_rows_drift_by_age_encoder_settings_and_hearts_they_missed(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0])
    row = Taste.objects.filter(pk=account.pk)
    assert drifted() == []
    for wrong in (
        {"updated_at": timezone.now() - timedelta(days=2)},
        {"encoder_id": "another"},
        {"settings_version": 7},
    ):
        kept = row.values().get()
        row.update(**wrong)
        assert drifted() == [account.pk]
        row.update(**kept)
    Like.objects.create(account=account, listing=stall.reds[1])
    assert drifted() == [account.pk]
    taste.forget_taste(account)
    assert drifted() == [], "what was forgotten is not made again"


def test_refreshing_finds_anew_what_has_drifted_and_nothing_else(stall: Stall) -> None:
    stale, fresh, off = make_account(), make_account(), make_account()
    for account in (stale, fresh, off):
        likes(account, *stall.reds[:2])
    taste.want_taste(off, is_wanted=False)
    Taste.objects.filter(pk=stale.pk).update(encoder_id="another", recommended=b"")
    before = Taste.objects.get(pk=fresh.pk).updated_at
    jobs.submit("feed.refresh_tastes", {}, key="all")
    jobs.run_until_idle()
    job = Job.objects.get(kind="feed.refresh_tastes")
    assert (job.state, job.result) == ("succeeded", {"people": 1}), job.error
    assert titles(stale)[0].startswith("Red")
    assert Taste.objects.get(pk=fresh.pk).updated_at == before
    assert not Taste.objects.filter(pk=off.pk).exists()


def test_hearts_from_before_there_was_taste_are_found_by_refreshing(stall: Stall) -> None:
    account = make_account()
    Like.objects.create(account=account, listing=stall.reds[0])
    jobs.submit("feed.refresh_tastes", {}, key="all")
    jobs.run_until_idle()
    assert titles(account)[0].startswith("Red")


def test_another_encoder_has_everybody_found_anew(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0])
    encoder_id = Taste.objects.get(pk=account.pk).encoder_id
    Taste.objects.update(encoder_id="the one before")
    jobs.announce("photos.encoder_switched", {"encoder_id": encoder_id})
    jobs.run_until_idle()
    assert Job.objects.get(kind="feed.rebuild_tastes").result == {"people": 1}
    assert Taste.objects.get(pk=account.pk).encoder_id == encoder_id


def test_other_settings_have_everybody_found_anew_and_going_back_too(stall: Stall) -> None:
    account = make_account()
    likes(account, stall.reds[0], stall.blues[0])
    only_one = propose(part=PART, content=TasteSettings(most_interests=1).pack())
    promote(only_one)
    jobs.run_until_idle()
    row = Taste.objects.get(pk=account.pk)
    assert (row.settings_version, len(Interests.unpack(bytes(row.interests)))) == (1, 1)
    roll_back(part=PART)
    jobs.run_until_idle()
    row = Taste.objects.get(pk=account.pk)
    assert (row.settings_version, len(Interests.unpack(bytes(row.interests)))) == (0, 2)


def test_settings_that_cannot_be_read_leave_the_built_in_ones_in_force() -> None:
    promote(propose(part=PART, content=b"nonsense"))
    assert live_settings() == (0, TasteSettings())


def test_a_job_that_does_everybody_goes_on_where_it_stopped(stall: Stall) -> None:
    people = [make_account() for _number in range(40)]
    for account in people:
        Like.objects.create(account=account, listing=stall.reds[0])
    job = jobs.submit("feed.retrain_taste", {"learn": False}, key="all")
    ranges = list(taste.ranges_of(Account.objects.filter(pk__in=[account.pk for account in people])))
    JobItem.objects.create(job=job, name=ranges[0], state="done", attempts=1, result={"people": 0})
    jobs.run_until_idle()
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    skipped = taste.accounts_in(ranges[0], Account.objects.filter(pk__in=[account.pk for account in people]))
    assert job.result == {"people": 40 - len(skipped)}
    assert (job.progress_done, job.progress_total) == (len(ranges), len(ranges))
    assert Taste.objects.count() == 40 - len(skipped)


# What pages and programs see of it.


def queries_for(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


def test_home_shows_what_is_for_you_at_the_price_of_two_queries(
    stall: Stall, browser_of: Callable[[Account], Client]
) -> None:
    account = make_account()
    client = browser_of(account)
    like(account=account, listing=stall.reds[0])
    without = queries_for(client, "/")
    assert "For you" not in client.get("/").text
    likes(account, *stall.reds[:2])
    assert queries_for(client, "/") == without + 2
    text = client.get("/").text
    row = text.split('id="for-you"')[1].split("</section>")[0]
    assert "Red 5" in row
    assert "Because you liked Red" in row
    assert row.count("listing-card__title") == 12
    assert "For you" not in Client().get("/").text, "it is for them alone"


def test_what_was_liked_in_the_row_leaves_it_and_keeps_its_place_for_the_keyboard(
    stall: Stall, browser_of: Callable[[Account], Client]
) -> None:
    account = make_account()
    client = browser_of(account)
    likes(account, *stall.reds[:2])
    card = recommended_to(account)[0].card
    name = f"heart-for-you-{card['id']}"
    assert f'id="{name}"' in client.get("/").text
    headers = {"HX-Request": "true", "HX-Trigger": name}
    heart = client.post(reverse("feed:like", args=[card["id"]]), {"liked": "1"}, headers=headers)
    assert f'id="{name}"' in heart.text
    assert f'id="{name}"' not in client.get("/").text, "before the job has run"


def test_further_pages_of_the_home_page_do_not_repeat_it(stall: Stall, browser_of: Callable[[Account], Client]) -> None:
    for number in range(12):
        make_listing(title=f"More {number}")
    account = make_account()
    client = browser_of(account)
    likes(account, *stall.reds[:2])
    further = client.get("/").context["next_url"]
    assert "for-you" not in client.get(further).text
    assert "for-you" not in client.get(further, headers={"HX-Request": "true"}).text


def test_the_api_tells_recommendations_with_their_reasons(
    stall: Stall, browser_of: Callable[[Account], Client]
) -> None:
    account = make_account()
    client = browser_of(account)
    assert client.get("/api/v1/me/recommendations/").json() == {"results": []}
    likes(account, stall.reds[0])
    opens(account, stall.blues[0])
    results = client.get("/api/v1/me/recommendations/?count=5").json()["results"]
    assert len(results) == 5
    because = {each["because"]["title"]: each["because"]["sign"] for each in results}
    assert because == {"Red 0": "liked", "Blue 0": "opened"}
    assert all(each["liked"] is False for each in results)
    assert client.get("/api/v1/me/recommendations/?count=25").status_code == 400
    archive_listing(listing=stall.reds[0])
    results = client.get("/api/v1/me/recommendations/").json()["results"]
    assert any(each["because"] is None for each in results)


def test_the_api_says_what_is_known_and_forgets_it(stall: Stall, browser_of: Callable[[Account], Client]) -> None:
    account = make_account()
    client = browser_of(account)
    likes(account, stall.reds[0], stall.blues[0])
    known = client.get("/api/v1/me/taste/").json()
    assert (known["is_wanted"], known["interests"], known["recommended"] > 0, known["since"]) == (True, 2, True, None)
    assert client.delete("/api/v1/me/taste/").status_code == 204
    known = client.get("/api/v1/me/taste/").json()
    assert (known["interests"], known["recommended"], known["updated_at"]) == (0, 0, None)
    assert known["since"] is not None
    assert client.get("/api/v1/me/recommendations/").json() == {"results": []}


def test_the_api_switches_it_off_and_on(stall: Stall, browser_of: Callable[[Account], Client]) -> None:
    account = make_account()
    client = browser_of(account)
    likes(account, stall.reds[0])
    for is_wanted, recommended in ((False, 0), (True, 15)):
        body = {"is_wanted": is_wanted}
        answer = client.patch("/api/v1/me/taste/", body, content_type="application/json")
        assert answer.json()["is_wanted"] is is_wanted
        jobs.run_until_idle()
        assert client.get("/api/v1/me/taste/").json()["recommended"] == recommended
    wrong = client.patch("/api/v1/me/taste/", {"is_wanted": "perhaps"}, content_type="application/json")
    assert (wrong.status_code, wrong["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/api/v1/me/recommendations/"),
        ("get", "/api/v1/me/taste/"),
        ("patch", "/api/v1/me/taste/"),
        ("delete", "/api/v1/me/taste/"),
    ],
)
def test_the_api_asks_guests_to_sign_in(client: Client, method: str, address: str) -> None:
    answer = getattr(client, method)(address)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_the_profile_page_tells_forgets_and_switches(stall: Stall, browser_of: Callable[[Account], Client]) -> None:
    account, other = make_account(), make_account()
    likes(other, stall.reds[0])
    client = browser_of(account)
    likes(account, stall.reds[0], stall.blues[0])
    assert "We see 2 interests." in client.get(reverse("accounts:profile")).text
    answer = client.post(reverse("feed:forget_taste"), follow=True)
    assert "Forgotten." in answer.text
    assert "interests." not in answer.text
    assert titles(account) == []
    answer = client.post(reverse("feed:want_taste"), {"wanted": "0"}, follow=True)
    assert "You asked us not to follow your taste." in answer.text
    answer = client.post(reverse("feed:want_taste"), {"wanted": "1"}, follow=True)
    assert "Do not follow my taste" in answer.text
    assert len(titles(other)) == 15, "others keep theirs"


@pytest.mark.parametrize("name", ["feed:forget_taste", "feed:want_taste"])
def test_guests_are_sent_to_sign_in_and_only_a_post_changes_anything(client: Client, name: str) -> None:
    address = reverse(name)
    assert client.post(address)["Location"].startswith(reverse("account_login"))
    client.force_login(make_account())
    assert client.get(address).status_code == 405


def test_rows_may_be_deleted_for_they_are_derived() -> None:
    assert recommended_to(make_account(taste=Account.Taste.KEPT)) == []
