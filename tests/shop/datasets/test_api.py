"""Data sets over the API: who may, what is refused and why."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.datasets.models import DatasetRequest
from feira.shop.jobs.models import Job
from feira.shop.listings.models import Listing
from tests.factories import make_account

ClientOf = Callable[[Account | None], APIClient]

ENDPOINTS = [
    ("get", "datasets/"),
    ("post", "datasets/"),
    ("post", "datasets/estimate/"),
    ("post", "datasets/recipes/preview/"),
    ("get", "datasets/1/"),
    ("delete", "datasets/1/"),
    ("get", "datasets/1/rows/"),
    ("get", "datasets/1/files/"),
    ("get", "datasets/1/diff/?since=1"),
    ("post", "datasets/1/tags/"),
    ("delete", "datasets/1/tags/?name=a"),
    ("post", "datasets/1/trained/"),
    ("post", "datasets/1/cancel/"),
    ("post", "datasets/1/retry/"),
    ("post", "datasets/1/link/"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "address"), ENDPOINTS)
def test_only_the_ml_team_may_use_data_sets(method: str, address: str, api_of: ClientOf, team_member: Account) -> None:
    def status_for(account: Account | None) -> int:
        return int(getattr(api_of(account), method)(f"/api/v1/{address}", {}, format="json").status_code)

    assert status_for(None) == 401
    assert status_for(make_account()) == 403
    assert status_for(make_account(is_staff=True)) == 403
    assert status_for(team_member) in (200, 201, 400, 404, 422)


def test_a_data_set_is_asked_for_and_waits(catalogue: list[Listing], team_member: Account, api_of: ClientOf) -> None:
    client = api_of(team_member)
    answer = client.post("/api/v1/datasets/", {"name": "shoes", "filters": {"words": "shoes"}}, format="json")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["name"] == "shoes"
    assert made["progress"]["state"] == "waiting"
    assert made["snapshot"] is None
    assert Job.objects.filter(kind__startswith="datasets.").values_list("kind", flat=True).get() == "datasets.resolve"
    assert client.get(f"/api/v1/datasets/{made['id']}/").json() == made
    assert [each["id"] for each in client.get("/api/v1/datasets/").json()["results"]] == [made["id"]]


def test_an_estimate_counts_what_may_go_and_writes_nothing(
    catalogue: list[Listing], team_member: Account, api_of: ClientOf
) -> None:
    asked = {"filters": {"category": "clothing/shoes"}, "apply_augmentation": True}
    answer = api_of(team_member).post("/api/v1/datasets/estimate/", asked, format="json").json()
    # The draft is not among them; each photo comes with three variants.
    assert (answer["listings"], answer["photos"], answer["images"]) == (3, 6, 24)
    assert answer["byte_size"] > 0
    assert answer["seconds"] > 0
    assert not DatasetRequest.objects.exists()


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"filters": {"words": "submarine"}}, "dataset_selection_empty", "without `words` 12 photos pass"),
        ({"filters": {"category": "boats"}}, "dataset_request_invalid", "no category 'boats'"),
        ({"label": "attribute:nothing"}, "dataset_request_invalid", "no attribute 'nothing'"),
        ({"split": {"by": "hash", "ratios": {"train": 0.5, "test": 0.2}}}, "dataset_request_invalid", "sum to 1"),
        ({"augmentation": {"operations": [{"operation": "melt"}]}}, "dataset_request_invalid", "'melt'"),
        ({"target": "file:///etc"}, "dataset_request_invalid", "Nothing may be delivered there"),
        ({"predictions": {"model": "torch:../x"}}, "dataset_request_invalid", "Name a folder"),
        ({"formats": ["imagefolder"], "label": ""}, "dataset_request_invalid", "by label"),
        ({"filters": {"min_price": "20.00", "max_price": "10.00"}}, "dataset_request_invalid", "Swap them"),
    ],
)
@pytest.mark.usefixtures("catalogue")
def test_what_cannot_be_done_is_refused_with_what_to_change(
    asked: dict[str, Any], code: str, said: str, team_member: Account, api_of: ClientOf
) -> None:
    answer = api_of(team_member).post("/api/v1/datasets/", asked, format="json")
    assert answer.status_code == 422, answer.content
    assert answer.json()["code"] == code
    assert said in answer.json()["detail"]
    assert not DatasetRequest.objects.exists()
    assert not Job.objects.filter(kind__startswith="datasets.").exists()


@pytest.mark.parametrize(
    ("asked", "errors"),
    [
        ({"filter": {"words": "shoes"}}, {"filter"}),
        ({"filters": {"colour": "red", "word": "shoes"}}, {"filters"}),
        ({"split": {"ratio": {"train": 1}}}, {"split"}),
        ({"image": {"width": 224}}, {"image"}),
        ({"predictions": {"labels": True}}, {"predictions"}),
    ],
)
@pytest.mark.parametrize("address", ["/api/v1/datasets/", "/api/v1/datasets/estimate/"])
@pytest.mark.usefixtures("catalogue")
def test_a_misspelt_field_is_named_instead_of_letting_everything_pass(
    asked: dict[str, Any], errors: set[str], address: str, team_member: Account, api_of: ClientOf
) -> None:
    answer = api_of(team_member).post(address, asked, format="json")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == errors
    assert "There is no such field" in answer.text
    assert not DatasetRequest.objects.exists()


def test_enormous_requests_are_refused(
    catalogue: list[Listing], team_member: Account, api_of: ClientOf, few_photos_at_once: int
) -> None:
    answer = api_of(team_member).post("/api/v1/datasets/", {}, format="json")
    assert answer.status_code == 422
    assert answer.json()["code"] == "dataset_selection_too_large"
    assert answer.json()["most_photos"] == few_photos_at_once
    fewer = api_of(team_member).post("/api/v1/datasets/", {"most_photos": few_photos_at_once}, format="json")
    assert fewer.status_code == 201


def test_a_recipe_is_tried_on_photos_that_would_be_chosen(
    catalogue: list[Listing], team_member: Account, api_of: ClientOf
) -> None:
    sent = {"recipe": {"operations": [{"operation": "flip"}]}, "photos": 2, "variants": 3}
    found = api_of(team_member).post("/api/v1/datasets/recipes/preview/", sent, format="json").json()["results"]
    assert [len(each["variants"]) for each in found] == [3, 3]
    assert all(each["variants"][0]["src"].startswith("data:image/webp;base64,") for each in found)
    assert found[0]["variants"][0]["drawn"] == [{"operation": "flip", "place": 0, "direction": "horizontal"}]
    wrong = {"recipe": {"operations": [{"operation": "melt"}]}}
    refused = api_of(team_member).post("/api/v1/datasets/recipes/preview/", wrong, format="json")
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_recipe"
