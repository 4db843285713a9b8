"""What people say about results counts at once, for the query and for near ones, and nobody counts twice."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.feedback.keys import query_key
from feira.shop.feedback.models import Click, JudgedQuery, Judgement, SearchLog
from feira.shop.feedback.people import Person
from feira.shop.feedback.selectors import judged_pairs, own_judgements, signal_for
from feira.shop.feedback.services import forget_old_feedback, judge, record_click, record_search
from feira.shop.listings.models import Listing
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db


def guest(name: str, origin: str = "") -> Person:
    return Person(None, name, origin or f"home of {name}")


def say(value: int, text: str, listing: Listing, person: Person) -> None:
    judge(key=query_key(text), text=text, listing_id=listing.pk, value=value, person=person)


@pytest.fixture
def dress() -> Listing:
    return make_listing(title="Red dress")


def test_a_thumb_counts_on_the_next_request_and_can_be_taken_back(dress: Listing) -> None:
    ada = guest("ada")
    say(1, "Red dress", dress, ada)
    assert signal_for(query_key("dress, red")) == {dress.pk: pytest.approx(1 / 3, abs=1e-3)}
    assert own_judgements(ada, query_key("red dress"), [dress.pk]) == {dress.pk: 1}

    say(0, "red dress", dress, ada)
    assert signal_for(query_key("red dress")) == {}
    assert own_judgements(ada, query_key("red dress"), [dress.pk]) == {}


def test_the_last_word_of_a_person_counts(dress: Listing) -> None:
    ada = guest("ada")
    for value in (1, 1, -1, -1):
        say(value, "red dress", dress, ada)
    assert Judgement.objects.count() == 1
    assert signal_for("dress red")[dress.pk] == pytest.approx(-1 / 3, abs=1e-3)


def test_near_queries_hear_of_it_less_and_others_not_at_all(dress: Listing) -> None:
    say(1, "red summer dress", dress, guest("ada"))
    same, near = signal_for(query_key("red summer dress")), signal_for(query_key("red dress"))
    assert 0 < near[dress.pk] < same[dress.pk]
    assert signal_for(query_key("blue shoes")) == signal_for(query_key("summer dress -red")) == {}


def test_a_burst_of_one_account_or_one_address_moves_nothing_more_than_one_vote(dress: Listing) -> None:
    eve = make_account()
    account = Person(eve.pk, "hash of eve", "den")
    say(1, "red dress", dress, account)
    one = signal_for("dress red")[dress.pk]
    for number in range(30):
        say(1, f"red dress {number}", dress, account)  # near queries
        say(1, "red dress", dress, Person(None, f"browser {number}", "den"))  # fresh sessions
    assert signal_for("dress red")[dress.pk] == pytest.approx(one, abs=1e-3)


def test_a_judgement_fades(dress: Listing) -> None:
    say(1, "red dress", dress, guest("ada"))
    now = timezone.now()
    fresh, later = (signal_for("dress red", now=now + timedelta(days=days))[dress.pk] for days in (0, 60))
    assert fresh == pytest.approx(1 / 3, abs=1e-3)
    assert later == pytest.approx(0.5 / 2.5, abs=1e-3)


def test_the_signal_costs_two_queries_whatever_was_said(dress: Listing) -> None:
    for number in range(20):
        say(1 if number % 3 else -1, f"red dress {number % 7}", dress, guest(f"person {number}"))
    with CaptureQueriesContext(
        connection,
    ) as counted:
        assert signal_for("dress red")
    assert len(counted) == 2
    with CaptureQueriesContext(connection) as counted:
        assert signal_for("unheard of") == {}
    assert len(counted) == 1
    with CaptureQueriesContext(connection) as counted:
        assert signal_for("") == {}
    assert len(counted) == 0


def test_judged_pairs_are_what_people_said_on_the_whole(dress: Listing) -> None:
    other = make_listing(title="Blue dress")
    for name, value in (("ada", 1), ("bob", 1), ("eve", -1)):
        say(value, "red dress", dress, guest(name))
    say(1, "red dress", other, guest("ada"))
    say(-1, "red dress", other, guest("bob"))
    assert judged_pairs() == {"dress red": {dress.pk: pytest.approx(1 / 3)}}


def test_searches_and_clicks_are_written_down_with_their_places(dress: Listing) -> None:
    ada = guest("ada")
    record_search(
        key="dress red", text="Red dress", listing_ids=[dress.pk], total=1, took_ms=4.2, person=ada, first_position=25
    )
    record_search(key="", text="", listing_ids=[dress.pk], total=1, took_ms=1, person=ada)
    record_click(key="dress red", listing_id=dress.pk, position=25, person=ada)
    row = SearchLog.objects.get()
    assert (row.listing_ids, row.first_position, row.visitor) == ([dress.pk], 25, "ada")
    assert Click.objects.get().position == 25


def test_old_feedback_is_forgotten(dress: Listing) -> None:
    ada = guest("ada")
    say(1, "red dress", dress, ada)
    say(1, "blue dress", dress, ada)
    record_search(key="dress red", text="", listing_ids=[], total=0, took_ms=1, person=ada)
    long_ago = timezone.now() - timedelta(days=500)
    SearchLog.objects.update(at=long_ago)
    Judgement.objects.filter(query__key="dress red").update(at=long_ago)
    JudgedQuery.objects.update(created_at=long_ago)

    assert forget_old_feedback() == 2
    assert SearchLog.objects.count() == 0
    assert list(JudgedQuery.objects.values_list("key", flat=True)) == ["blue dress"]


def test_an_account_that_goes_takes_its_judgements_along(dress: Listing) -> None:
    ada = make_account()
    say(1, "red dress", dress, Person(ada.pk, "hash", "home"))
    ada.delete()
    assert signal_for("dress red") == {}
