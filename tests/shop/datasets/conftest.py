"""People of the ML team, a small catalogue, and requests, for the tests of data sets."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.insight.teams import ML_TEAM
from feira.shop.jobs.models import Job
from feira.shop.listings.models import Listing
from feira.shop.listings.services import ListingFacts, create_listing, publish_listing
from tests.factories import make_account, make_category, make_listing, make_photo, make_seller

COLOURS = [(180, 60, 40), (20, 90, 200), (30, 160, 60), (220, 200, 40), (120, 30, 140), (90, 90, 90)]


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> None:
    cache.clear()


@pytest.fixture
def team_member(db: None) -> Account:
    """Somebody of the ML team who is nothing else."""
    account = make_account()
    account.groups.add(Group.objects.get(name=ML_TEAM))
    return account


@pytest.fixture
def api_of() -> Callable[[Account | None], APIClient]:
    """Return a function from an account to a client that sends its token; a guest's for None."""

    def client_of(account: Account | None) -> APIClient:
        client = APIClient(enforce_csrf_checks=True)
        if account is not None:
            _token, secret = issue_token(account=account, name="test")
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return client_of


@pytest.fixture
def catalogue(db: None) -> list[Listing]:
    """Six live listings of three sellers in two categories with two photos each, and a draft."""
    sellers = [make_seller(name=f"Ana Silva {number}") for number in range(3)]
    shoes, hats = make_category("Clothing", "Shoes"), make_category("Clothing", "Hats")
    made = []
    for number, colour in enumerate(COLOURS):
        seller = sellers[number % 3]
        taken = [
            make_photo(seller.account, colour=colour, size=(160, 120), pattern="noise", seed=10 * number + place)
            for place in range(2)
        ]
        facts = ListingFacts(
            title=f"{'Red shoes' if number % 2 else 'Blue hat'} {number}",
            category=shoes if number % 2 else hats,
            price=Decimal(f"{10 + number}.50"),
            currency="EUR",
        )
        made.append(publish_listing(listing=create_listing(seller=seller, facts=facts, photos_in_order=taken)))
    make_listing(sellers[0], title="Hidden red shoes", category=shoes, publish=False)
    # Embeddings and tags are other tests' business, and would wait for an engine.
    Job.objects.all().delete()
    return made


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder into which data sets may be delivered."""
    from feira.settings import load_settings  # noqa: PLC0415 - read anew by each test

    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setattr(type(load_settings()), "resolved_dataset_targets", lambda _self: [folder.as_uri()])
    return folder


def request_for(**given: Any) -> Asked:
    """Return a request as a person would write it in JSON."""
    return asked_from_json(given)


@pytest.fixture
def few_photos_at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a data set hold three photos at most; return that number."""
    from feira.settings import load_settings  # noqa: PLC0415 - read anew by each test
    from feira.shop.datasets import estimating  # noqa: PLC0415 - likewise

    changed = load_settings().model_copy(update={"dataset_max_photos": 3})
    monkeypatch.setattr(estimating, "load_settings", lambda: changed)
    return 3
