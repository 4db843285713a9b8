"""People who look at the pages of data sets."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from feira.shop.accounts.models import Account
from feira.shop.insight.teams import ML_TEAM
from tests.factories import make_account


@pytest.fixture
def analyst(db: None) -> Account:
    """Somebody of the ML team who is no staff."""
    person = make_account(display_name="Mira")
    person.groups.add(Group.objects.get(name=ML_TEAM))
    return person


@pytest.fixture
def pages(analyst: Account, browser_of: Callable[[Account], Client]) -> Client:
    """The browser of somebody of the ML team."""
    return browser_of(analyst)
