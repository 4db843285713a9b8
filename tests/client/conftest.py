"""A shop that is really served, and clients of it."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from feira.client import Client
from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from tests.factories import make_account


@pytest.fixture(autouse=True)
def _a_fresh_fast_shop(settings: Settings) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ana(transactional_db: None) -> Account:
    """Somebody who sells."""
    return make_account(email="ana@example.org", display_name="Ana")


@pytest.fixture
def shop(live_server: LiveServer, ana: Account) -> Iterator[Client]:
    """Ana's client."""
    _token, secret = issue_token(account=ana, name="notebook")
    with Client(live_server.url, secret, timeout_s=10) as client:
        yield client


@pytest.fixture
def guest(live_server: LiveServer) -> Iterator[Client]:
    """A client without a token."""
    with Client(live_server.url, timeout_s=10) as client:
        yield client
