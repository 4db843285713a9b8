"""Listings as JSON Lines: who may read them, what they say, and what they cost."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.datasets import listing_lines as module
from feira.shop.datasets.listing_lines import listing_lines
from feira.shop.listings.models import Listing
from feira.shop.photos.models import Photo
from tests.factories import make_account

ClientOf = Callable[[Account | None], APIClient]
ADDRESS = "/api/v1/datasets/listings.jsonl"


def read(chunks: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(chunks).splitlines()]


@pytest.mark.django_db
def test_only_the_ml_team_may_read_listings_as_lines(api_of: ClientOf, team_member: Account) -> None:
    assert api_of(None).get(ADDRESS).status_code == 401
    for other in (make_account(), make_account(is_staff=True)):
        refused = api_of(other).get(ADDRESS)
        assert refused.status_code == 403
        assert refused["Content-Type"] == "application/problem+json"
    assert api_of(team_member).get(ADDRESS).status_code == 200


def test_a_line_says_what_is_for_sale_and_nobodys_name(
    catalogue: list[Listing], team_member: Account, api_of: ClientOf
) -> None:
    listing = catalogue[1]
    listing.description = "Call 0151 234 56 78"
    listing.save()
    answer = api_of(team_member).get(ADDRESS)
    assert answer["Content-Type"] == "application/x-ndjson"
    body = answer.getvalue()
    assert b"Ana Silva" not in body
    records = [json.loads(line) for line in body.splitlines()]
    assert [record["listing"] for record in records] == [f"listing-{each.pk}" for each in catalogue]
    record = records[1]
    assert record["title"] == "Red shoes 1"
    assert record["description"] == "Call [phone]"
    assert (record["price_minor"], record["category"], record["state"]) == (1150, "clothing/shoes", "live")
    assert len(record["photos"]) == 2
    assert record["photos"][0]["sha256"] == Photo.objects.get(placed__listing=listing, placed__position=0).digest
    assert records[0]["seller"] == records[3]["seller"] != record["seller"]


def test_lines_can_be_of_one_category_and_of_late(catalogue: list[Listing]) -> None:
    assert [record["title"] for record in read(listing_lines(category="clothing/shoes"))] == [
        "Red shoes 1",
        "Red shoes 3",
        "Red shoes 5",
    ]
    assert len(read(listing_lines(category="clothing"))) == 6
    Listing.objects.filter(pk=catalogue[0].pk).update(published_at=timezone.now() - timedelta(days=9))
    late = read(listing_lines(published_since=timezone.now() - timedelta(days=1)))
    assert [record["listing"] for record in late] == [f"listing-{each.pk}" for each in catalogue[1:]]


def test_what_has_no_photo_to_show_is_left_out(catalogue: list[Listing]) -> None:
    Photo.objects.filter(placed__listing=catalogue[2]).update(is_public=False)
    assert f"listing-{catalogue[2].pk}" not in [record["listing"] for record in read(listing_lines())]


def test_batches_leave_nothing_out_and_cost_four_queries_each(
    catalogue: list[Listing], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    whole = b"".join(listing_lines())
    monkeypatch.setattr(module, "FIRST_BATCH", 1)
    monkeypatch.setattr(module, "BATCH", 2)
    # The secret; four batches of four queries; and one that finds nothing more.
    with django_assert_num_queries(1 + 4 * 4 + 1):
        assert b"".join(listing_lines()) == whole


def test_a_date_that_is_none_is_refused(team_member: Account, api_of: ClientOf) -> None:
    refused = api_of(team_member).get(f"{ADDRESS}?published_since=soon")
    assert refused.status_code == 400
    assert "published_since" in refused.json()["errors"]


@pytest.mark.django_db
def test_a_page_session_of_the_team_may_read_them_too(team_member: Account, client: Client) -> None:
    client.force_login(team_member)
    assert client.get(ADDRESS).status_code == 200
