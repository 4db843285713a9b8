"""What people looked for."""

from collections.abc import Callable

import pytest
from django.test import Client

from feira.shop.accounts.models import Account
from feira.shop.search import history
from feira.shop.search.models import PastSearch
from feira.shop.search.query import SearchQuery
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db


def names(account: Account) -> list[str]:
    return list(history.past_searches_of(account).values_list("name", flat=True))


def test_searches_are_remembered_for_their_account_alone(
    account: Account, browser_of: Callable[[Account], Client]
) -> None:
    make_listing(title="Red boots")
    browser = browser_of(account)
    for text in ("boots", "red+boots", "boots"):
        browser.get(f"/search/?q={text}")
    browser.get("/search/")
    assert names(account) == ["boots", "red, boots"]
    assert history.past_searches_of(account)[0].total == 1
    assert "red, boots" in browser.get("/search/past/").content.decode()
    assert "red, boots" not in browser_of(make_account()).get("/search/past/").content.decode()


def test_guests_leave_no_trace(client: Client) -> None:
    client.get("/search/?q=boots")
    assert not PastSearch.objects.exists()
    assert client.get("/search/past/").status_code == 302
    assert client.get("/api/v1/me/search-history/").status_code == 401


def test_one_may_stop_it_and_forget(account: Account, browser_of: Callable[[Account], Client]) -> None:
    browser = browser_of(account)
    for text in ("boots", "hats"):
        browser.get(f"/search/?q={text}")
    browser.post("/search/past/pause/", {"paused": "1"})
    browser.get("/search/?q=secret")
    assert names(account) == ["hats", "boots"]
    browser.post(f"/search/past/{PastSearch.objects.get(name='hats').pk}/forget/")
    assert names(account) == ["boots"]
    browser.post("/search/past/pause/", {"paused": "0"})
    browser.get("/search/?q=gloves")
    assert names(account) == ["gloves", "boots"]
    assert len(browser.get("/api/v1/me/search-history/").json()["results"]) == 2
    browser.delete("/api/v1/me/search-history/")
    assert names(account) == []


def test_nobody_forgets_for_another(account: Account, browser_of: Callable[[Account], Client]) -> None:
    history.remember(account=account, query=SearchQuery(text="boots"), name="boots", total=1)
    stranger = browser_of(make_account())
    stranger.post(f"/search/past/{PastSearch.objects.get().pk}/forget/")
    stranger.post("/search/past/forget/")
    assert names(account) == ["boots"]


def test_the_oldest_falls_off_the_end(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_KEPT", 3)
    for number in range(5):
        history.remember(account=account, query=SearchQuery(text=f"boots {number}"), name=f"boots {number}", total=0)
    assert names(account) == ["boots 4", "boots 3", "boots 2"]
