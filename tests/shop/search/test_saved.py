"""Searches that people keep, and what they hear of them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.jobs import services as jobs
from feira.shop.search import tasks
from feira.shop.search.models import Find, SavedSearch
from feira.shop.search.query import SearchQuery
from feira.shop.search.saved import MOST_SAVED, TooManySaved, query_of, save_search, searches_of
from tests.factories import make_account, make_listing, make_seller

pytestmark = pytest.mark.django_db


def long_ago(search: SavedSearch) -> None:
    """Make as if the search was saved an hour ago."""
    then = timezone.now() - timedelta(hours=1)
    SavedSearch.objects.filter(pk=search.pk).update(looked_at=then, opened_at=then)


def let_the_beat_work() -> None:
    """Look for finds, then mail them, as the beat would have it."""
    for _round in range(2):
        tasks.look_and_tell()
        jobs.run_until_idle(["default"])


def test_a_new_listing_that_answers_is_counted_and_mailed_once(account: Account) -> None:
    search = save_search(account=account, query=SearchQuery(text="red boots"), name="Boots")
    long_ago(search)
    make_listing(title="Red boots from Porto")
    make_listing(title="Blue boots")
    let_the_beat_work()
    (shown,) = searches_of(account)
    assert shown.new == 1
    (message,) = mail.outbox
    assert message.to == [account.email]
    assert message.subject == "1 new find for “Boots”"
    assert "Red boots from Porto" in str(message.body)
    assert "Blue boots" not in str(message.body)
    let_the_beat_work()
    assert len(mail.outbox) == 1


def test_what_was_there_before_is_no_find(account: Account) -> None:
    listing = make_listing(title="Red boots")
    type(listing).objects.filter(pk=listing.pk).update(published_at=timezone.now() - timedelta(days=3))
    long_ago(save_search(account=account, query=SearchQuery(text="boots")))
    let_the_beat_work()
    assert not Find.objects.exists()
    assert mail.outbox == []


def test_own_listings_are_no_finds() -> None:
    seller = make_seller()
    assert seller.account is not None
    long_ago(save_search(account=seller.account, query=SearchQuery(text="boots")))
    make_listing(seller, title="Red boots")
    let_the_beat_work()
    assert not Find.objects.exists()


def test_who_wants_no_mail_still_sees_the_count(account: Account) -> None:
    long_ago(save_search(account=account, query=SearchQuery(text="boots"), alerts=SavedSearch.Alerts.NEVER))
    make_listing(title="Red boots")
    let_the_beat_work()
    assert searches_of(account)[0].new == 1
    assert mail.outbox == []


def test_daily_finds_wait_for_the_end_of_their_day_and_come_together(account: Account) -> None:
    search = save_search(account=account, query=SearchQuery(text="boots"), alerts=SavedSearch.Alerts.DAILY)
    long_ago(search)
    make_listing(title="Red boots")
    let_the_beat_work()
    assert mail.outbox == []
    Find.objects.update(found_at=timezone.now() - timedelta(hours=25))
    make_listing(title="Green boots")
    long_ago(search)
    let_the_beat_work()
    (message,) = mail.outbox
    assert "Red boots" in str(message.body)
    assert "Green boots" in str(message.body)


def test_a_find_that_was_sold_before_the_mail_is_not_told_of(account: Account) -> None:
    long_ago(save_search(account=account, query=SearchQuery(text="boots")))
    listing = make_listing(title="Red boots")
    tasks.look_and_tell()
    jobs.run_until_idle(["default"])
    type(listing).objects.filter(pk=listing.pk).update(state="sold")
    let_the_beat_work()
    assert mail.outbox == []
    assert searches_of(account)[0].new == 0


def test_opening_a_search_marks_its_finds_as_seen(account: Account, browser_of: Callable[[Account], Client]) -> None:
    search = save_search(account=account, query=SearchQuery(text="boots"))
    long_ago(search)
    make_listing(title="Red boots")
    let_the_beat_work()
    browser = browser_of(account)
    assert "1 new find" in browser.get("/search/saved/").content.decode()
    assert browser.get(f"/search/saved/{search.pk}/").headers["Location"] == "/search/?q=boots"
    assert "1 new find" not in browser.get("/search/saved/").content.decode()


def test_a_query_is_kept_once_and_without_its_page(account: Account) -> None:
    query = query_of("q=boots&max_price=20&after=abc")
    first = save_search(account=account, query=query)
    assert save_search(account=account, query=query.changed()).pk == first.pk
    assert first.parameters == "q=boots&max_price=20.00"
    assert first.name == "boots"


def test_there_is_an_end_to_what_one_may_keep(account: Account) -> None:
    for number in range(MOST_SAVED):
        save_search(account=account, query=SearchQuery(text=f"boots {number}"))
    with pytest.raises(TooManySaved):
        save_search(account=account, query=SearchQuery(text="one more"))
    assert SavedSearch.objects.count() == MOST_SAVED


def test_the_button_keeps_the_search_and_says_so(account: Account, browser_of: Callable[[Account], Client]) -> None:
    make_listing(title="Red boots")
    browser = browser_of(account)
    assert "Save this search" in browser.get("/search/?q=boots").content.decode()
    answer = browser.post(
        "/search/saved/new/", {"parameters": "q=boots", "name": "boots"}, headers={"HX-Request": "true"}
    )
    assert "you will hear of new finds" in answer.content.decode()
    refused = browser.post("/search/saved/new/", {"parameters": "", "name": "x"}, headers={"HX-Request": "true"})
    assert "Look for something first" in refused.content.decode()


def test_the_link_in_the_mail_ends_the_alerts_without_signing_in(account: Account, client: Client) -> None:
    search = save_search(account=account, query=SearchQuery(text="boots"))
    long_ago(search)
    make_listing(title="Red boots")
    let_the_beat_work()
    link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = link[link.index("/search/") :]
    assert client.get(path).status_code == 200
    search.refresh_from_db()
    assert search.alerts == SavedSearch.Alerts.SOON, "looking at the link changes nothing"
    enforcing = Client(enforce_csrf_checks=True)
    assert enforcing.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    search.refresh_from_db()
    assert search.alerts == SavedSearch.Alerts.NEVER
    assert client.get(path[:-3] + "x/").status_code == 404


def test_nobody_reaches_the_searches_of_another(
    account: Account, browser_of: Callable[[Account], Client], client: Client
) -> None:
    search = save_search(account=account, query=SearchQuery(text="boots"))
    pages = [("get", ""), ("post", "change/"), ("post", "forget/")]
    for method, rest in pages:
        answer = getattr(client, method)(f"/search/saved/{search.pk}/{rest}")
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/account/login/")
    assert client.get("/api/v1/me/searches/").status_code == 401
    stranger = browser_of(make_account())
    for method, rest in pages:
        assert getattr(stranger, method)(f"/search/saved/{search.pk}/{rest}").status_code == 404
    assert stranger.patch(f"/api/v1/me/searches/{search.pk}/", {}, "application/json").status_code == 404
    assert stranger.delete(f"/api/v1/me/searches/{search.pk}/").status_code == 404
    assert SavedSearch.objects.get().name == "boots"


def test_a_program_keeps_renames_and_gives_up_a_search(
    account: Account, browser_of: Callable[[Account], Client]
) -> None:
    browser = browser_of(account)
    made = browser.post("/api/v1/me/searches/", {"parameters": "q=boots&max_price=20"}, "application/json")
    assert made.status_code == 201
    address = f"/api/v1/me/searches/{made.json()['id']}/"
    changed = browser.patch(address, {"name": "Cheap boots", "alerts": "daily"}, "application/json")
    assert (changed.json()["name"], changed.json()["alerts"]) == ("Cheap boots", "daily")
    assert [row["name"] for row in browser.get("/api/v1/me/searches/").json()["results"]] == ["Cheap boots"]
    assert browser.delete(address).status_code == 204
    assert browser.get("/api/v1/me/searches/").json() == {"results": []}
    empty = browser.post("/api/v1/me/searches/", {"parameters": "after=x"}, "application/json")
    assert (empty.status_code, empty.json()["code"]) == (422, "nothing_to_save")
