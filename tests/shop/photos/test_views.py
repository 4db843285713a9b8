"""Who may see which rendition."""

from collections.abc import Callable

import pytest
from django.test import Client

from feira.shop.accounts.models import Account
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import rendition_url
from feira.shop.photos.services import make_searchable
from tests.factories import make_account, make_photo


def card_url(photo: Photo) -> str:
    return rendition_url(photo.pk, "card", photo.renditions["card"]["digest"])


@pytest.fixture
def photo(account: Account) -> Photo:
    return make_photo(account)


def test_a_private_photo_does_not_exist_for_others(client: Client, photo: Photo) -> None:
    assert client.get(card_url(photo)).status_code == 404
    client.force_login(make_account())
    assert client.get(card_url(photo)).status_code == 404


def test_its_owner_and_staff_see_a_private_photo(browser_of: Callable[[Account], Client], photo: Photo) -> None:
    for person in (photo.owner, make_account(is_staff=True)):
        assert person is not None
        response = browser_of(person).get(card_url(photo))
        assert response.status_code == 200
        assert "private" in response["Cache-Control"]
        assert response.getvalue().startswith(b"RIFF")


def test_a_public_photo_is_sent_as_webp_to_be_kept_for_ever(client: Client, photo: Photo) -> None:
    make_searchable([photo.pk])
    response = client.get(card_url(photo))
    assert response["Content-Type"] == "image/webp"
    assert "immutable" in response["Cache-Control"]
    assert response.getvalue().startswith(b"RIFF")


@pytest.mark.parametrize("name", ["original", "card2", "renditions"])
def test_there_is_no_address_of_an_original(client: Client, photo: Photo, name: str) -> None:
    make_searchable([photo.pk])
    assert client.get(rendition_url(photo.pk, name, photo.digest)).status_code == 404


def test_the_digest_in_the_address_must_be_right(client: Client, photo: Photo) -> None:
    make_searchable([photo.pk])
    assert client.get(rendition_url(photo.pk, "card", "0" * 12)).status_code == 404
