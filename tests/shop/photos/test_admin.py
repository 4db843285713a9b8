"""Encoders in Django's admin: looked at by staff, changed by nobody."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from feira.shop.accounts.models import Account
from feira.shop.photos import swap
from feira.shop.photos.models import ServedEncoder
from tests.factories import make_account

SignIn = Callable[[Account], Client]


@pytest.fixture
def row(db: None) -> ServedEncoder:
    return swap.settle("descriptors", "descriptors-v1")


def test_staff_see_the_encoders_and_cannot_change_them(row: ServedEncoder, browser_of: SignIn) -> None:
    staff = browser_of(make_account(is_staff=True, is_superuser=True))
    page = staff.get(reverse("admin:photos_servedencoder_changelist"))
    assert page.status_code == 200
    assert "descriptors-v1" in page.content.decode()
    assert staff.get(reverse("admin:photos_servedencoder_add")).status_code == 403
    assert staff.post(reverse("admin:photos_servedencoder_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    staff.post(reverse("admin:photos_servedencoder_change", args=[row.pk]), {"state": "retired"})
    row.refresh_from_db()
    assert row.state == "live"


def test_others_do_not_see_them(row: ServedEncoder, client: Client, browser_of: SignIn, account: Account) -> None:
    address = reverse("admin:photos_servedencoder_changelist")
    assert client.get(address).status_code == 302
    assert browser_of(account).get(address).status_code == 302
