"""Listings and categories over the API."""

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from feira.shop.listings.models import Attribute, Listing
from feira.shop.listings.services import archive_listing, ensure_attribute, ensure_choice
from feira.shop.photos.models import Photo
from tests.factories import make_category, make_listing, make_photo, make_seller
from tests.shop.api.conftest import World, signed_in

LISTINGS = "/api/v1/listings/"


def get(client: APIClient, address: str, **query: Any) -> Any:
    response = client.get(address, query)
    assert response.status_code == 200, response.content
    return response.json()


def titles(client: APIClient, **query: Any) -> list[str]:
    return [card["title"] for card in get(client, LISTINGS, **query)["results"]]


@pytest.fixture
def catalogue(db: None) -> None:
    """Three shoes and two hats, of which some have a colour; a draft and a sold one beside them."""
    seller = make_seller(name="Ana", slug="ana")
    shoes, hats = make_category("Clothing", "Shoes"), make_category("Clothing", "Hats")
    colour = ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=shoes)
    for value in ("red", "blue"):
        ensure_choice(attribute=colour, value=value)
    ensure_attribute(code="weight", kind=Attribute.Kind.NUMBER, category=hats, unit="g")
    rows: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("Red shoes", "30", shoes, {"attributes": {"colour": "red"}}),
        ("Blue shoes", "20", shoes, {"attributes": {"colour": "blue"}, "condition": "new"}),
        ("Plain shoes", "20", shoes, {"condition": "fair"}),
        ("Red hat", "5.50", hats, {"attributes": {"weight": "120"}}),
    ]
    for title, price, category, facts in rows:
        make_listing(seller, title=title, price=price, category=category, **facts)
    make_listing(title="Other's hat", price="9", category=hats)
    make_listing(seller, title="Draft hat", category=hats, publish=False)
    archive_listing(listing=make_listing(seller, title="Archived hat", category=hats))


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Other's hat", "Red hat", "Plain shoes", "Blue shoes", "Red shoes"]),
        ({"sort": "cheapest"}, ["Red hat", "Other's hat", "Blue shoes", "Plain shoes", "Red shoes"]),
        ({"sort": "dearest"}, ["Red shoes", "Plain shoes", "Blue shoes", "Other's hat", "Red hat"]),
        ({"category": "clothing/shoes"}, ["Plain shoes", "Blue shoes", "Red shoes"]),
        ({"category": "clothing"}, ["Other's hat", "Red hat", "Plain shoes", "Blue shoes", "Red shoes"]),
        ({"category": "nowhere"}, []),
        ({"condition": ["new", "fair"]}, ["Plain shoes", "Blue shoes"]),
        ({"min_price": "9", "max_price": "20.00"}, ["Other's hat", "Plain shoes", "Blue shoes"]),
        ({"seller": "ana", "category": "clothing/hats"}, ["Red hat"]),
        ({"attr_colour": "red"}, ["Red shoes"]),
        ({"attr_colour": ["red", "blue"]}, ["Blue shoes", "Red shoes"]),
        ({"attr_unknown": "x"}, []),
    ],
)
def test_filters_and_orders_find_exactly_what_they_say(query: dict[str, Any], found: list[str]) -> None:
    assert titles(APIClient(), **query) == found


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("sort", ["newest", "cheapest", "dearest"])
def test_pages_join_to_the_whole_list_without_gap_or_double(sort: str) -> None:
    client, joined, after = APIClient(), [], ""
    while True:
        page = get(client, LISTINGS, sort=sort, limit=2, after=after)
        joined += [card["title"] for card in page["results"]]
        after = page["next_cursor"]
        if after is None:
            break
        assert len(page["results"]) == 2
    assert joined == titles(client, sort=sort)


@pytest.mark.usefixtures("catalogue")
def test_a_page_costs_one_query_and_facets_a_fixed_number(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        get(APIClient(), LISTINGS, limit=2)
    with django_assert_num_queries(6):
        get(APIClient(), LISTINGS, facets=1)


@pytest.mark.usefixtures("catalogue")
def test_facets_count_what_each_choice_leaves() -> None:
    facets = {facet["param"]: facet["options"] for facet in get(APIClient(), LISTINGS, facets=1)["facets"]}
    assert {option["value"]: option["count"] for option in facets["attr_colour"]} == {"red": 1, "blue": 1}
    assert {option["value"]: option["count"] for option in facets["condition"]} == {"new": 1, "good": 3, "fair": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sort": "random"}, "sort"),
        ({"limit": "101"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"min_price": "NaN"}, "min_price"),
        ({"max_price": "-1"}, "max_price"),
        ({"condition": "broken"}, "condition"),
        ({"category": "a\x00b"}, "category"),
        ({"attr_a": "a\x00b"}, "attr_"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_field(query: dict[str, str], field: str) -> None:
    refused = APIClient().get(LISTINGS, query)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert list(refused.json()["errors"]) == [field]


@pytest.mark.usefixtures("catalogue")
def test_a_cursor_of_another_order_or_a_damaged_one_is_refused() -> None:
    cursor = get(APIClient(), LISTINGS, limit=1)["next_cursor"]
    for query in ({"sort": "cheapest", "after": cursor}, {"after": "x"}, {"after": cursor[:-3]}):
        refused = APIClient().get(LISTINGS, query)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.usefixtures("catalogue")
def test_the_tree_of_categories_counts_what_lies_below(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(5):
        roots = get(APIClient(), "/api/v1/categories/")["results"]
    clothing = roots[0]
    assert (len(roots), clothing["path"], clothing["count"]) == (1, "clothing", 5)
    assert [(child["path"], child["count"]) for child in clothing["children"]] == [
        ("clothing/hats", 2),
        ("clothing/shoes", 3),
    ]
    hats, shoes = clothing["children"]
    weight = {"code": "weight", "name": "Weight", "kind": "number", "unit": "g", "choices": []}
    assert hats["attributes"] == [weight]
    assert shoes["attributes"][0]["choices"] == ["blue", "red"]


def new_listing(**changes: Any) -> dict[str, Any]:
    return {"title": "Blue hat", "category": "clothing/shoes", "price": "19.90", **changes}


def test_a_listing_is_posted_with_its_photos_in_order_and_found_at_once(world: World) -> None:
    photos = [make_photo(world.owner, colour=(10, value, 10)).pk for value in (50, 100)]
    ensure_choice(
        attribute=ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=world.live.category),
        value="Blue",
    )
    client = signed_in(world.owner)
    posted = client.post(
        LISTINGS,
        new_listing(photos=photos[::-1], publish=True, currency="usd", attributes={"colour": "blue"}),
        format="json",
    )
    listing = posted.json()
    assert posted.status_code == 201, listing
    assert (listing["state"], listing["is_own"]) == ("live", True)
    assert (listing["price"], listing["currency"]) == ("19.90", "USD")
    assert [photo["id"] for photo in listing["photos"]] == photos[::-1]
    assert [(value["code"], value["value"]) for value in listing["attributes"]] == [("colour", "Blue")]
    assert APIClient().get(posted["Location"]).json() == {**listing, "is_own": False}
    assert titles(APIClient())[0] == "Blue hat"
    assert set(Photo.objects.filter(pk__in=photos).values_list("is_public", flat=True)) == {True}


@pytest.mark.parametrize(
    ("changes", "status", "names"),
    [
        ({"category": "no/where"}, 422, "category"),
        ({"photos": [10**6]}, 422, "photos"),
        ({"publish": True}, 422, "photos"),
        ({"attributes": {"nothing": "x"}}, 422, "attributes"),
        ({"attributes": {"weight": "heavy"}}, 422, "weight"),
        ({"attributes": {"weight": "NaN"}}, 422, "weight"),
        ({"attributes": {"weight": "1e30"}}, 422, "weight"),
        ({"price": "1e400"}, 400, "price"),
        ({"price": "-1"}, 400, "price"),
        ({"price": 12.345}, 400, "price"),
        ({"currency": "ßßß"}, 400, "currency"),
        ({"title": " "}, 400, "title"),
        ({"title": "\ud800"}, 400, "title"),
        ({"title": "x" * 121}, 400, "title"),
        ({"condition": "\ud800"}, 400, "condition"),
        ({"stock": 10**30}, 400, "stock"),
        ({"photos": [10**30]}, 400, "photos"),
        ({"photos": "all"}, 400, "photos"),
    ],
)
def test_a_listing_that_cannot_be_kept_is_refused_and_leaves_nothing(
    changes: dict[str, Any], status: int, names: str, world: World
) -> None:
    ensure_attribute(code="weight", kind=Attribute.Kind.NUMBER, category=world.live.category)
    before = Listing.objects.count()
    body = json.dumps(new_listing(**changes))  # unlike the test client's own, it can write half a surrogate pair
    refused = signed_in(world.owner).post(LISTINGS, body, content_type="application/json")
    problem = refused.json()
    assert refused.status_code == status, problem
    assert (problem["field"] if status == 422 else next(iter(problem["errors"]))) == names
    assert Listing.objects.count() == before


def test_somebody_elses_photo_cannot_be_taken(world: World) -> None:
    refused = signed_in(world.other).post(LISTINGS, new_listing(photos=[world.photo.pk]), format="json")
    assert (refused.status_code, refused.json()["field"]) == (422, "photos")


def test_a_photo_that_stands_on_a_listing_cannot_stand_on_another(world: World) -> None:
    placed = world.live.listing_photos.get().photo_id
    refused = signed_in(world.owner).post(LISTINGS, new_listing(photos=[placed]), format="json")
    assert (refused.status_code, refused.json()["field"]) == (422, "photos")
    assert world.live.listing_photos.get().photo_id == placed


def test_a_change_leaves_what_it_does_not_name(world: World) -> None:
    category = world.live.category
    ensure_attribute(code="weight", kind=Attribute.Kind.NUMBER, category=category, unit="g")
    ensure_attribute(code="brand", kind=Attribute.Kind.TEXT, category=category)
    client, address = signed_in(world.owner), f"{LISTINGS}{world.live.pk}/"
    client.patch(address, {"attributes": {"weight": "1200.50", "brand": "Ours"}}, format="json")
    before = get(client, address)
    changed = client.patch(address, {"price": "9.99", "attributes": {"brand": None}}, format="json").json()
    assert [(value["code"], value["value"], value["unit"]) for value in changed["attributes"]] == [
        ("weight", "1200.5", "g")
    ]
    moving = {"price", "price_text", "attributes", "updated_at"}
    assert {name for name in before if before[name] != changed[name]} == moving
    assert changed["price"] == "9.99"


def test_photos_are_ordered_described_added_and_taken_off(world: World) -> None:
    client, address = signed_in(world.owner), f"{LISTINGS}{world.live.pk}/photos/"
    first = world.live.listing_photos.get().photo_id
    both = [{"id": world.photo.pk, "alt": "The sole"}, {"id": first}]
    placed = client.patch(address, {"photos": both}, format="json").json()["photos"]
    assert [(photo["id"], photo["alt"]) for photo in placed] == [
        (world.photo.pk, "The sole"),
        (first, "Red shoes, photo 2"),
    ]
    left = client.patch(address, {"photos": [{"id": world.photo.pk}]}, format="json").json()["photos"]
    assert [(photo["id"], photo["alt"]) for photo in left] == [(world.photo.pk, "The sole")]
    assert Photo.objects.get(pk=first).is_public is False
    for photos in ([], [{"id": world.photo.pk}] * 2, [{"id": make_photo(world.other).pk}]):
        refused = client.patch(address, {"photos": photos}, format="json")
        assert (refused.status_code, refused.json()["field"]) == (422, "photos")
    assert world.live.listing_photos.get().photo_id == world.photo.pk


def test_a_listing_walks_through_its_states(world: World) -> None:
    client, address = signed_in(world.owner), f"{LISTINGS}{world.draft.pk}/"
    assert client.post(f"{address}sold/").json()["code"] == "wrong_state"
    assert client.post(f"{address}publish/").json()["state"] == "live"
    assert client.post(f"{address}publish/").json()["code"] == "wrong_state"
    assert client.post(f"{address}sold/").json()["state"] == "sold"
    assert APIClient().get(address).json()["state"] == "sold"
    assert "Draft shoes" not in titles(APIClient())
    assert client.delete(address).status_code == 204
    assert APIClient().get(address).status_code == 404
    assert client.get(address).json()["state"] == "archived"
    assert client.delete(address).status_code == 204


def test_own_listings_are_listed_in_every_state_last_posted_first(world: World) -> None:
    client, address = signed_in(world.owner), "/api/v1/me/listings/"
    first = get(client, address, limit=1)
    second = get(client, address, limit=1, after=first["next_cursor"])
    assert [card["state"] for card in first["results"] + second["results"]] == ["draft", "live"]
    assert second["next_cursor"] is None
    assert [card["title"] for card in get(client, address, state="live")["results"]] == ["Red shoes"]


def test_a_number_no_database_can_hold_is_not_found(world: World) -> None:
    assert signed_in(world.owner).get(f"{LISTINGS}{10**30}/").status_code == 404
    assert signed_in(world.owner).get(f"/api/v1/photos/{10**30}/").status_code == 404
    assert signed_in(world.owner).delete(f"/api/v1/me/tokens/{10**30}/").status_code == 404
