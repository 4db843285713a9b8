"""One's own account and tokens over the API."""

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account, ApiToken
from tests.factories import PASSWORD, make_account
from tests.shop.api.conftest import World, signed_in


def test_a_program_signs_in_with_address_and_password(account: Account, api: APIClient) -> None:
    made = api.post("/api/v1/tokens/", {"email": account.email.upper(), "password": PASSWORD}, format="json")
    assert made.status_code == 201
    me = api.get("/api/v1/me/", HTTP_AUTHORIZATION=f"Bearer {made.json()['token']}").json()
    assert (me["id"], me["email"], me["seller"]) == (account.pk, account.email, None)


def test_unknown_addresses_wrong_passwords_and_closed_accounts_get_the_same_answer(
    account: Account, api: APIClient
) -> None:
    closed = make_account(is_active=False)
    answers = [
        api.post("/api/v1/tokens/", {"email": email, "password": password}, format="json")
        for email, password in [(account.email, "wrong"), ("nobody@example.org", PASSWORD), (closed.email, PASSWORD)]
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert not ApiToken.objects.exists()


def test_guesses_at_one_password_are_limited_from_however_many_machines(account: Account, api: APIClient) -> None:
    statuses = [
        api.post(
            "/api/v1/tokens/",
            {"email": account.email, "password": f"guess {number}"},
            format="json",
            REMOTE_ADDR=f"10.0.0.{number}",
        ).status_code
        for number in range(11)
    ]
    assert statuses == [401] * 10 + [429]
    refused = api.post("/api/v1/tokens/", {"email": account.email, "password": PASSWORD}, format="json")
    assert int(refused["Retry-After"]) > 0
    cache.clear()
    again = api.post("/api/v1/tokens/", {"email": account.email, "password": PASSWORD}, format="json")
    assert again.status_code == 201


def test_a_token_taken_back_opens_nothing(world: World) -> None:
    client = signed_in(world.other)
    made = client.post("/api/v1/me/tokens/", {"name": "printer"}, format="json").json()
    printer = APIClient()
    printer.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert printer.get("/api/v1/me/").status_code == 200
    assert client.delete(f"/api/v1/me/tokens/{made['id']}/").status_code == 204
    refused = printer.get("/api/v1/me/")
    assert refused.status_code == 401
    assert refused.json()["code"] == "authentication_failed"


def test_tokens_are_listed_without_their_secrets(world: World) -> None:
    client = signed_in(world.owner)
    secret = client.post("/api/v1/me/tokens/", {"name": "printer"}, format="json").json()["token"]
    listed = client.get("/api/v1/me/tokens/")
    assert {token["name"] for token in listed.json()["results"]} == {"printer", "stock import", "test"}
    assert secret not in listed.content.decode()


def test_a_profile_is_changed_where_it_is_said_and_nowhere_else(world: World) -> None:
    client = signed_in(world.owner)
    client.patch("/api/v1/me/", {"about": "Shoes since 1990", "location": "Porto"}, format="json")
    changed = client.patch("/api/v1/me/", {"display_name": "Ana"}, format="json").json()
    assert changed["display_name"] == "Ana"
    assert changed["seller"] == {
        "name": "Ana",
        "slug": world.seller.slug,
        "location": "Porto",
        "about": "Shoes since 1990",
    }


def test_a_profile_with_a_place_makes_a_seller(account: Account) -> None:
    changed = signed_in(account).patch("/api/v1/me/", {"location": "Faro"}, format="json").json()
    assert changed["seller"]["location"] == "Faro"


def test_a_browser_signed_in_by_session_must_send_its_csrf_token(account: Account) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(account)
    change = {"display_name": "Forged"}
    refused = browser.patch("/api/v1/me/", change, "application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    browser.cookies["feira_csrf"] = "a" * 32
    allowed = browser.patch("/api/v1/me/", change, "application/json", headers={"X-CSRFToken": "a" * 32})
    assert allowed.status_code == 200


@pytest.mark.django_db
def test_an_address_that_is_none_is_refused_as_a_field(api: APIClient) -> None:
    refused = api.post("/api/v1/tokens/", {"email": "no address", "password": "x"}, format="json")
    assert refused.status_code == 400
    assert list(refused.json()["errors"]) == ["email"]


@pytest.mark.django_db
def test_a_body_of_many_megabytes_is_refused_unread(api: APIClient) -> None:
    huge = f'{{"email": "{"a" * 5_000_001}"}}'
    refused = api.generic("POST", "/api/v1/tokens/", huge, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
