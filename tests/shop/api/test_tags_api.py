"""Tags over the API: read by everybody, changed by who owns the listing."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from feira.shop.listings.models import Listing
from feira.shop.listings.tagging import tag_listings
from tests.factories import make_listing
from tests.shop.api.conftest import World, signed_in

RED = (200, 20, 24)


@pytest.fixture
def tagged(world: World) -> Listing:
    listing = make_listing(world.seller, title="Something", colour=RED)
    tag_listings([listing.pk])
    return listing


def address(listing: Listing) -> str:
    return f"/api/v1/listings/{listing.pk}/"


def tags(client: APIClient, listing: Listing) -> list[tuple[str, str, str]]:
    body = client.get(address(listing)).json()
    return [(tag["group"], tag["name"], tag["source"]) for tag in body["tags"]]


def test_everybody_reads_the_tags_with_confidence_and_who_says_so(tagged: Listing) -> None:
    (tag,) = APIClient().get(address(tagged)).json()["tags"]
    assert tag.pop("confidence") > 0.5
    assert tag == {"name": "red", "group": "colour", "label": "red", "source": "machine"}
    in_portuguese = APIClient().get(address(tagged), headers={"accept-language": "pt"}).json()["tags"][0]
    assert (in_portuguese["name"], in_portuguese["label"]) == ("red", "vermelho")


def test_the_owner_says_which_tags_stay_and_the_machine_keeps_to_it(world: World, tagged: Listing) -> None:
    client = signed_in(world.owner)
    wanted = [{"name": "Polka Dots"}, {"name": "blue"}, {"name": "linen", "group": "material"}]
    response = client.patch(address(tagged), {"tags": wanted}, format="json")
    assert response.status_code == 200, response.content
    tag_listings([tagged.pk])
    assert tags(client, tagged) == [
        ("colour", "blue", "seller"),
        ("keyword", "polka dots", "seller"),
        ("material", "linen", "seller"),
    ]
    assert client.patch(address(tagged), {"title": "Else"}, format="json").status_code == 200
    assert len(tags(client, tagged)) == 3
    assert client.patch(address(tagged), {"tags": []}, format="json").status_code == 200
    assert tags(client, tagged) == []


@pytest.mark.parametrize(("who", "status"), [("guest", 401), ("other", 403), ("staff", 403)])
def test_nobody_else_changes_them(world: World, tagged: Listing, who: str, status: int) -> None:
    account = world.account(who)
    client = signed_in(account) if account else APIClient()
    assert client.patch(address(tagged), {"tags": []}, format="json").status_code == status
    assert tags(APIClient(), tagged) == [("colour", "red", "machine")]


@pytest.mark.parametrize(
    "wrong",
    [
        "red",
        [["red"]],
        [{"group": "colour"}],
        [{"name": "x" * 61}],
        [{"name": "a\0b"}],
        [{"name": "red"}] * 31,
        [{"name": ""}],
    ],
)
def test_what_is_no_list_of_tags_is_refused_and_changes_nothing(world: World, tagged: Listing, wrong: Any) -> None:
    response = signed_in(world.owner).patch(address(tagged), {"tags": wrong}, format="json")
    assert response.status_code == 400
    assert "tags" in response.json()["errors"]
    assert tags(APIClient(), tagged) == [("colour", "red", "machine")]


def test_a_new_listing_may_bring_its_tags_along(world: World) -> None:
    body = {"title": "Hat", "category": "clothing/shoes", "price": "3", "tags": [{"name": "straw"}]}
    response = signed_in(world.owner).post("/api/v1/listings/", body, format="json")
    assert response.status_code == 201, response.content
    assert [tag["name"] for tag in response.json()["tags"]] == ["straw"]


def test_lists_and_searches_are_filtered_by_colours_and_count_them(tagged: Listing, world: World) -> None:
    blue = make_listing(world.seller, title="Other thing", colour=(28, 60, 190))
    tag_listings([blue.pk])

    def found(route: str, **query: Any) -> set[int]:
        response = APIClient().get(f"/api/v1/{route}/", query)
        assert response.status_code == 200, response.content
        return {card["id"] for card in response.json()["results"]}

    for route in ("listings", "search"):
        assert found(route, colour="red") == {tagged.pk}
        assert found(route, colour=["red", "blue"]) == {tagged.pk, blue.pk}
        assert found(route, colour="green", strict="1") == set()
        assert APIClient().get(f"/api/v1/{route}/", {"colour": "mauvish"}).status_code == 400
        facets = APIClient().get(f"/api/v1/{route}/", {"colour": "red", "facets": "1"}).json()["facets"]
        (colour,) = [facet for facet in facets if facet["param"] == "colour"]
        assert colour["has_swatches"]
        options = {option["value"]: (option["count"], option["active"]) for option in colour["options"]}
        assert options == {"red": (1, True), "blue": (1, False)}
