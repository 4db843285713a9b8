"""People, and throttles that remember nobody from the test before."""

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.insight.teams import ML_TEAM
from tests.factories import make_account


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> None:
    cache.clear()


@pytest.fixture
def analyst(db: None) -> Account:
    """Somebody of the ML team, with no other right."""
    person = make_account()
    person.groups.add(Group.objects.get(name=ML_TEAM))
    return person


def client_of(account: Account | None) -> APIClient:
    """Return a client that sends a token of this account; a guest's for None."""
    client = APIClient(enforce_csrf_checks=True)
    if account is not None:
        _token, secret = issue_token(account=account, name="test")
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client
