"""Hearts: who may set them, and where they are seen."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from feira.shop.feed.models import Like
from feira.shop.feed.selectors import liked_cards, liked_ids
from feira.shop.feed.services import like, unlike
from feira.shop.listings.marks import marked
from feira.shop.listings.selectors import PAGE_SIZE, cards_in_order
from feira.shop.listings.services import archive_listing, mark_sold
from feira.shop.web.cursors import InvalidCursor
from tests.factories import make_account, make_listing, make_seller

pytestmark = pytest.mark.django_db


def test_liking_and_no_longer_liking_may_be_said_twice() -> None:
    account, listing = make_account(), make_listing()
    for _again in range(2):
        like(account=account, listing=listing)
    assert Like.objects.count() == 1
    assert liked_ids(account, [listing.pk, listing.pk + 1]) == {listing.pk}
    for _again in range(2):
        unlike(account=account, listing=listing)
    assert liked_ids(account, [listing.pk]) == set()


def test_what_one_likes_is_listed_last_liked_first_without_what_was_taken_down() -> None:
    account, other, seller = make_account(), make_account(), make_seller()
    first, sold, gone, unliked = [make_listing(seller, title=title) for title in ("First", "Sold", "Gone", "Unliked")]
    for listing in (first, sold, gone):
        like(account=account, listing=listing)
    like(account=other, listing=unliked)
    mark_sold(listing=sold)
    archive_listing(listing=gone)
    page = liked_cards(account)
    assert [card["title"] for card in page.rows] == ["Sold", "First"]
    assert all(card["liked"] for card in page.rows)
    assert page.next_cursor is None


def test_a_long_list_goes_on_where_it_stopped(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    account, seller = make_account(), make_seller()
    made = [make_listing(seller) for _number in range(PAGE_SIZE + 2)]
    for listing in made:
        like(account=account, listing=listing)
    with django_assert_num_queries(2):
        page = liked_cards(account)
    rest = liked_cards(account, page.next_cursor)
    assert [card["id"] for card in page.rows + rest.rows] == [listing.pk for listing in reversed(made)]
    assert rest.next_cursor is None
    for damaged in ("x", "WzEsMl0", "WyJsaWtlZCIsIngiXQ"):
        with pytest.raises(InvalidCursor):
            liked_cards(account, damaged)


def test_cards_anywhere_show_the_hearts_of_whoever_looks(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    account, seller = make_account(), make_seller()
    liked, other = make_listing(seller), make_listing(seller)
    like(account=account, listing=liked)
    cards = cards_in_order([liked.pk, other.pk])
    with django_assert_num_queries(1):
        marked(account, cards)
    assert [card["liked"] for card in cards] == [True, False]


def test_a_form_sets_and_clears_the_heart_and_goes_back(client: Client) -> None:
    account, listing = make_account(), make_listing()
    client.force_login(account)
    address = reverse("feed:like", args=[listing.pk])
    answer = client.post(address, {"liked": "1", "next": "/search/?q=red"})
    assert (answer.status_code, answer["Location"]) == (302, "/search/?q=red")
    assert liked_ids(account, [listing.pk])
    answer = client.post(address, {"liked": "0"}, headers={"Referer": "http://testserver/liked/"})
    assert answer["Location"] == "http://testserver/liked/"
    assert not liked_ids(account, [listing.pk])


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client: Client, elsewhere: str) -> None:
    listing = make_listing()
    client.force_login(make_account())
    answer = client.post(reverse("feed:like", args=[listing.pk]), {"next": elsewhere}, headers={"Referer": elsewhere})
    assert answer["Location"] == listing.get_absolute_url()


def test_htmx_gets_the_new_heart(client: Client) -> None:
    listing = make_listing(title="Red shoes")
    client.force_login(make_account())
    answer = client.post(reverse("feed:like", args=[listing.pk]), {"liked": "1"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'aria-pressed="true"' in answer.text
    assert "Red shoes" in answer.text


def test_a_guest_is_sent_to_sign_in_and_likes_nothing(client: Client) -> None:
    listing = make_listing()
    address = reverse("feed:like", args=[listing.pk])
    answer = client.post(address, {"liked": "1", "next": "/search/?q=red"})
    assert answer["Location"] == f"{reverse('account_login')}?next=/search/%3Fq%3Dred"
    answer = client.post(address, {"liked": "1"}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"].startswith(reverse("account_login"))
    assert not Like.objects.exists()


def test_only_a_post_sets_a_heart(client: Client) -> None:
    listing = make_listing()
    client.force_login(make_account())
    assert client.get(reverse("feed:like", args=[listing.pk])).status_code == 405
    assert not Like.objects.exists()


def test_a_draft_of_somebody_else_cannot_be_liked(client: Client) -> None:
    draft = make_listing(publish=False)
    client.force_login(make_account())
    assert client.post(reverse("feed:like", args=[draft.pk])).status_code == 404
    assert client.put(f"/api/v1/listings/{draft.pk}/like/").status_code == 404
    assert not Like.objects.exists()


def test_the_api_sets_clears_and_lists_hearts(client: Client) -> None:
    account, listing = make_account(), make_listing()
    client.force_login(account)
    address = f"/api/v1/listings/{listing.pk}/like/"
    assert client.put(address).status_code == 204
    assert [card["id"] for card in client.get("/api/v1/me/likes/").json()["results"]] == [listing.pk]
    assert client.delete(address).status_code == 204
    assert client.get("/api/v1/me/likes/").json() == {"results": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("method", "address"), [("put", "listings/{}/like/"), ("delete", "listings/{}/like/"), ("get", "me/likes/")]
)
def test_the_api_asks_guests_to_sign_in(client: Client, method: str, address: str) -> None:
    listing = make_listing()
    answer = getattr(client, method)("/api/v1/" + address.format(listing.pk))
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert not Like.objects.exists()


def test_similar_listings_are_open_to_guests_but_not_for_drafts(client: Client) -> None:
    live, draft = make_listing(), make_listing(publish=False)
    assert client.get(f"/api/v1/listings/{live.pk}/similar/").json() == {"results": []}
    assert client.get(f"/api/v1/listings/{draft.pk}/similar/").status_code == 404
    assert client.get(f"/api/v1/listings/{live.pk}/similar/?count=25").status_code == 400
