"""Own photos over the API."""

from rest_framework.test import APIClient

from feira.core.testing.photos import photo_bytes
from feira.settings import load_settings
from feira.shop.photos.models import Photo
from tests.shop.api.conftest import World, signed_in, upload


def test_a_photo_sent_comes_back_with_addresses_that_its_owner_can_open(world: World) -> None:
    client = signed_in(world.owner)
    sent = client.post("/api/v1/photos/", upload(content=photo_bytes((9, 9, 200), (600, 400))), format="multipart")
    assert sent.status_code == 201
    photo = sent.json()
    assert (photo["width"], photo["height"], photo["format"], photo["is_public"]) == (600, 400, "jpeg", False)
    assert (photo["renditions"]["card"]["width"], photo["renditions"]["card"]["height"]) == (480, 320)
    assert client.get(sent["Location"]).json() == photo
    client.force_login(world.owner)
    thumb = client.get(photo["renditions"]["thumb"]["url"])
    assert thumb.getvalue()[8:12] == b"WEBP"


def test_a_photo_not_yet_on_a_listing_is_shown_to_nobody_else(world: World) -> None:
    photo = signed_in(world.owner).post("/api/v1/photos/", upload(), format="multipart").json()
    assert APIClient().get(photo["renditions"]["thumb"]["url"]).status_code == 404


def test_what_is_no_photo_is_refused_with_its_reason_and_leaves_nothing(world: World) -> None:
    before = Photo.objects.count()
    for content, reason in [
        (b"not a photo at all", "unsupported_format"),
        (b"", "empty"),
        (photo_bytes((1, 2, 3), (200, 200), pattern="noise")[:400], "truncated"),
    ]:
        refused = signed_in(world.owner).post("/api/v1/photos/", upload(content=content), format="multipart")
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["reason"]) == (422, "invalid_image", reason)
        assert refused["Content-Type"] == "application/problem+json"
    assert Photo.objects.count() == before


def test_a_body_too_large_is_refused_by_its_announced_length(world: World) -> None:
    length = load_settings().photo_max_bytes + 200_000
    refused = signed_in(world.owner).generic(
        "POST", "/api/v1/photos/", "", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(length)
    )
    assert (refused.status_code, refused.json()["reason"]) == (422, "too_large_bytes")


def test_a_form_without_a_photo_says_which_field_is_missing(world: World) -> None:
    refused = signed_in(world.owner).post("/api/v1/photos/", {"file": "x"}, format="multipart")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["photo"])


def test_json_is_not_a_photo(world: World) -> None:
    refused = signed_in(world.owner).post("/api/v1/photos/", {"photo": "x"}, format="json")
    assert (refused.status_code, refused.json()["status"]) == (415, 415)


def test_uploads_are_limited_per_account(world: World) -> None:
    client = signed_in(world.owner)
    statuses = [client.post("/api/v1/photos/", {}, format="multipart").status_code for _number in range(121)]
    assert statuses == [400] * 120 + [429]
    assert signed_in(world.other).post("/api/v1/photos/", {}, format="multipart").status_code == 400
