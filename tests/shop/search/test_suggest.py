"""What the search field offers while somebody types."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from feira.shop.accounts.models import Account
from feira.shop.search import history
from feira.shop.search.query import SearchQuery
from feira.shop.search.suggest import suggestions_for
from feira.shop.search.typos import vocabulary
from tests.factories import make_account, make_category, make_listing

pytestmark = pytest.mark.django_db
GUEST = AnonymousUser()


@pytest.fixture(autouse=True)
def catalogue(db: None) -> None:
    for title in ("Summer dress", "Winter dress", "Dresser of oak", "Drill", "Dress shoes"):
        make_listing(title=title, category=make_category("Clothing", "Dresses"))
    make_listing(title="Dreadful draft", publish=False)
    vocabulary.forget()


def texts(typed: str, account: Account | None = None, *, kind: str = "words") -> list[str]:
    return [one.text for one in suggestions_for(typed, account or GUEST) if one.kind == kind]


def test_the_last_word_is_completed_the_most_frequent_first() -> None:
    assert texts("dre") == ["dresses", "dress", "dresser"]
    assert texts("summer dre") == ["summer dresses", "summer dress", "summer dresser"]


def test_words_of_drafts_are_never_offered() -> None:
    assert texts("dread") == []


def test_short_beginnings_numbers_and_unwanted_words_are_left_alone() -> None:
    assert [texts(typed) for typed in ("d", "", "12", "coat -dre")] == [[], [], [], []]


def test_categories_lead_to_their_listings() -> None:
    (category,) = [one for one in suggestions_for("dresses", GUEST) if one.kind == "category"]
    assert category.query.to_url() == "category=clothing%2Fdresses"


def test_an_own_past_search_comes_first_and_is_shown_to_nobody_else(account: Account) -> None:
    history.remember(
        account=account, query=SearchQuery(text="dress for ana", sort="cheapest"), name="dress for ana", total=1
    )
    assert suggestions_for("dress", account)[0].text == "dress for ana"
    assert suggestions_for("dress", account)[0].query.sort == "cheapest"
    assert "dress for ana" not in texts("dress", make_account(), kind="past")
    assert "dress for ana" not in texts("dress", kind="past")


def test_the_page_and_the_api_say_the_same(client: Client) -> None:
    page = client.get("/search/suggest/?q=dress").content.decode()
    rows = client.get("/api/v1/search/suggestions/?q=dress").json()["results"]
    assert all(f"<span>{row['text']}</span>" in page for row in rows)
    assert {row["kind"] for row in rows} == {"words", "category"}
    assert client.get("/api/v1/search/suggestions/").status_code == 400


def test_a_pause_brings_pictures(client: Client) -> None:
    page = client.get("/search/suggest/?q=summer+dress&pictures=1").content.decode()
    assert "Summer dress" in page
    assert "<img" in page
    assert client.get("/search/suggest/?q=&pictures=1").content.decode().strip() == ""


def test_what_is_typed_is_shown_as_text(
    client: Client, browser_of: Callable[[Account], Client], account: Account
) -> None:
    history.remember(account=account, query=SearchQuery(text="<b>x"), name="<b>x</b>", total=0)
    assert "<b>" not in browser_of(account).get("/search/suggest/?q=<b>x").content.decode()
