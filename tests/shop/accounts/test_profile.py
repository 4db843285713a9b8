"""The profile page and its tokens."""

import re

import pytest
from django.test import Client

from feira.shop.accounts.models import Account, ApiToken
from feira.shop.accounts.selectors import token_with_secret
from feira.shop.accounts.services import issue_token
from tests.factories import make_account, make_seller, owner_of

pytestmark = pytest.mark.django_db

PROFILE = "/account/profile/"


@pytest.fixture
def person(client: Client) -> Account:
    """Somebody signed in."""
    account = make_account(display_name="Ana")
    client.force_login(account)
    return account


@pytest.mark.parametrize("path", [PROFILE, "/account/tokens/", "/account/tokens/1/revoke/"])
def test_guests_are_asked_to_sign_in(client: Client, path: str) -> None:
    answer = client.post(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/?next=")


def test_a_new_name_is_shown_everywhere(client: Client) -> None:
    seller = make_seller(account=make_account(display_name="Ana"), name="Ana")
    client.force_login(owner_of(seller))
    form = {"display_name": "Beatriz", "location": "Porto", "about": "Shoes, mostly."}
    answer = client.post(PROFILE, form)
    assert (answer.status_code, answer["Location"]) == (302, PROFILE)
    text = client.get(f"/sellers/{seller.slug}/").text
    for said in ("Beatriz", "Porto", "Shoes, mostly."):
        assert said in text
    assert "Ana" not in text


def test_a_profile_without_a_name_is_refused_and_the_rest_stays(client: Client, person: Account) -> None:
    answer = client.post(PROFILE, {"display_name": " ", "location": "Porto", "about": ""})
    assert answer.status_code == 422
    assert 'value="Porto"' in answer.text
    person.refresh_from_db()
    assert person.display_name == "Ana"


def test_only_the_own_profile_is_changed(client: Client, person: Account) -> None:
    other = make_account(display_name="Other")
    client.post(PROFILE, {"display_name": "Changed", "id": other.pk, "email": other.email})
    other.refresh_from_db()
    assert other.display_name == "Other"


def test_a_token_is_shown_once_and_works(client: Client, person: Account) -> None:
    text = client.post("/account/tokens/", {"name": "stock import"}).text
    found = re.search(r"feira_[\w-]{20,}", text)
    assert found
    token = token_with_secret(found.group())
    assert token is not None
    assert (token.account, token.name) == (person, "stock import")
    later = client.get(PROFILE).text
    assert "stock import" in later
    assert found.group() not in later


def test_a_token_that_is_shown_is_kept_by_no_cache(client: Client, person: Account) -> None:
    assert "no-store" in client.post("/account/tokens/", {"name": "x"})["Cache-Control"]


def test_a_nameless_token_gets_a_name(client: Client, person: Account) -> None:
    client.post("/account/tokens/", {"name": "  "})
    assert ApiToken.objects.get().name


def test_own_tokens_are_taken_back_and_those_of_others_stay(client: Client, person: Account) -> None:
    mine, _secret = issue_token(account=person, name="mine")
    theirs, _secret = issue_token(account=make_account(), name="theirs")
    for token in (mine, theirs):
        assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    assert list(ApiToken.objects.all()) == [theirs]
    assert client.get(f"/account/tokens/{theirs.pk}/revoke/").status_code == 405


def test_a_name_with_markup_is_shown_as_text(client: Client, person: Account) -> None:
    client.post(PROFILE, {"display_name": "<b>Ana</b>"})
    text = client.get(PROFILE).text
    assert "<b>Ana" not in text
    assert "&lt;b&gt;Ana" in text
