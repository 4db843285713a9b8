"""People and things that the API's tests are about, and a client that speaks as one of them."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings
from rest_framework.test import APIClient

from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account, ApiToken, Seller
from feira.shop.accounts.services import issue_token
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.models import DatasetRequest
from feira.shop.jobs.models import Job
from feira.shop.jobs.services import submit
from feira.shop.listings.models import Listing
from feira.shop.photos.models import Photo
from feira.shop.search.models import SavedSearch
from feira.shop.search.query import SearchQuery
from feira.shop.search.saved import save_search
from tests.factories import make_account, make_listing, make_photo, make_seller


@dataclass(frozen=True)
class World:
    """An owner with listings, a loose photo, a saved search, a data set and a job; somebody else; one of the staff."""

    owner: Account
    seller: Seller
    other: Account
    staff: Account
    live: Listing
    draft: Listing
    photo: Photo
    token: ApiToken
    search: SavedSearch
    dataset: DatasetRequest
    job: Job

    def account(self, who: str) -> Account | None:
        """Return `owner`, `other` or `staff`; None for a guest."""
        return None if who == "guest" else getattr(self, who)


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _passwords_are_hashed_fast(settings: Settings) -> None:
    # Three accounts per test: argon2 alone would take most of the time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world(db: None) -> World:
    """Return the people and things of these tests."""
    seller, other = make_seller(), make_account()
    owner = seller.account
    assert owner is not None
    return World(
        owner=owner,
        seller=seller,
        other=other,
        staff=make_account(is_staff=True),
        live=make_listing(seller, title="Red shoes", price="12.50"),
        draft=make_listing(seller, title="Draft shoes", publish=False),
        photo=make_photo(owner, colour=(10, 90, 200)),
        token=issue_token(account=owner, name="stock import")[0],
        search=save_search(account=owner, query=SearchQuery(text="red shoes")),
        dataset=DatasetRequest.objects.create(name="shoes", asked=Asked().to_json(), requested_by=owner),
        job=submit("photos.verify_index", requested_by=owner.pk),
    )


@pytest.fixture
def api() -> APIClient:
    """Return a guest's client, with the checks against forged requests that a browser meets."""
    return APIClient(enforce_csrf_checks=True)


def signed_in(account: Account | None) -> APIClient:
    """Return a client that sends a token of this account; a guest's for None."""
    client = APIClient(enforce_csrf_checks=True)
    if account is not None:
        _token, secret = issue_token(account=account, name="test")
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def upload(colour: tuple[int, int, int] = (1, 2, 3), content: bytes | None = None) -> dict[str, Any]:
    """Return the form of a photo upload."""
    return {"photo": SimpleUploadedFile("any-name.txt", photo_bytes(colour) if content is None else content)}
