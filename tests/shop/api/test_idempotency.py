"""A request sent twice with one key acts once."""

from datetime import timedelta
from typing import Any

import pytest

from feira.core.testing.photos import photo_bytes
from feira.shop.jobs.models import Job
from feira.shop.listings.models import Listing
from feira.shop.photos.models import Photo
from feira.shop.web.models import IdempotentAnswer
from tests.shop.api.conftest import World, signed_in, upload

BODY = {"title": "Blue hat", "category": "clothing/shoes", "price": "19.90"}


def post(world: World, key: str | None, *, who: str = "owner", **changes: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    client = signed_in(world.account(who))
    return client.post("/api/v1/listings/", {**BODY, **changes}, format="json", headers=headers)


def test_a_repeated_listing_gets_the_first_answer_and_no_twin(world: World) -> None:
    before = Listing.objects.count()
    first, again = post(world, "k1"), post(world, "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first["Location"] == again["Location"]
    assert (first.headers.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Listing.objects.count() == before + 1


def test_without_a_key_or_with_another_each_request_counts(world: World) -> None:
    before = Listing.objects.count()
    for key in (None, None, "k1", "k2"):
        assert post(world, key).status_code == 201
    assert Listing.objects.count() == before + 4


def test_spaces_and_the_order_of_keys_make_no_other_content(world: World) -> None:
    first = post(world, "k1")
    body = '{ "price":"19.90","title" : "Blue hat", "category":"clothing/shoes" }'
    again = signed_in(world.owner).generic(
        "POST", "/api/v1/listings/", body, content_type="application/json", headers={"Idempotency-Key": "k1"}
    )
    assert again.json()["id"] == first.json()["id"]


def test_a_key_with_other_content_is_refused(world: World) -> None:
    post(world, "k1")
    before = Listing.objects.count()
    refused = post(world, "k1", title="Red hat")
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert Listing.objects.count() == before


def test_a_key_belongs_to_one_account(world: World) -> None:
    first, other = post(world, "k1"), post(world, "k1", who="other")
    assert (other.status_code, other.json()["id"] == first.json()["id"]) == (201, False)


def test_a_refusal_is_not_remembered(world: World) -> None:
    assert post(world, "k1", category="no/where").status_code == 422
    assert not IdempotentAnswer.objects.exists()
    assert post(world, "k1").status_code == 201


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    first = post(world, "k1")
    IdempotentAnswer.objects.update(created_at=IdempotentAnswer.objects.get().created_at - timedelta(hours=24))
    again = post(world, "k1", title="Red hat")
    assert (again.status_code, again.json()["id"] == first.json()["id"]) == (201, False)
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "ключ"])
def test_what_cannot_be_a_key_is_refused(key: str, world: World) -> None:
    before = Listing.objects.count()
    refused = post(world, key)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_unusable")
    assert Listing.objects.count() == before


def test_a_repeated_photo_is_kept_once_and_embedded_once(world: World) -> None:
    client, headers = signed_in(world.owner), {"Idempotency-Key": "p1"}
    photos, jobs = Photo.objects.count(), Job.objects.count()
    first = client.post("/api/v1/photos/", upload((1, 2, 3)), format="multipart", headers=headers)
    again = client.post("/api/v1/photos/", upload((1, 2, 3)), format="multipart", headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (Photo.objects.count(), Job.objects.count()) == (photos + 1, jobs + 1)
    other = upload(content=photo_bytes((3, 2, 1)))
    refused = client.post("/api/v1/photos/", other, format="multipart", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert Photo.objects.count() == photos + 1
