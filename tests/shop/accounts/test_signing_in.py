"""Sign-up, sign-in, sign-out and a forgotten password, and what strangers can learn from them."""

import re
from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from feira.shop.accounts.models import Account
from tests.factories import PASSWORD, make_account

pytestmark = pytest.mark.django_db

LOGIN, SIGNUP, RESET = "/account/login/", "/account/signup/", "/account/password/reset/"
NEW_PASSWORD = "a quiet harbour at noon"
RESET_LINK = re.compile(r"http://[^\s/]+(/account/password/reset/key/\S+)")


@pytest.fixture(autouse=True)
def _no_throttle_remembers() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def signed_in(client: Client) -> bool:
    """Tell whether the browser is signed in."""
    return "_auth_user_id" in client.session


def sign_in(client: Client, email: str, password: str, **more: str) -> int:
    """Send the form; return the status."""
    return client.post(LOGIN, {"login": email, "password": password, **more}).status_code


def test_signing_up_makes_an_account_that_is_signed_in(client: Client) -> None:
    form = {"display_name": "Ana", "email": "Ana@Example.org", "password1": NEW_PASSWORD}
    answer = client.post(SIGNUP, form)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    account = Account.objects.get()
    assert (account.display_name, account.is_staff, account.is_superuser) == ("Ana", False, False)
    assert account.check_password(NEW_PASSWORD)
    assert signed_in(client)


@pytest.mark.parametrize("password", ["short", "password1234", "12345678901234", "ana@example.org"])
def test_a_password_that_others_would_guess_is_refused(client: Client, password: str) -> None:
    form = {"display_name": "Ana", "email": "ana@example.org", "password1": password}
    answer = client.post(SIGNUP, form)
    assert not Account.objects.exists()
    assert not signed_in(client)
    assert 'value="ana@example.org"' in answer.text
    assert f'value="{password}"' not in answer.text.replace('value="ana@example.org"', "", 1)


def test_an_account_cannot_be_made_staff_from_the_form(client: Client) -> None:
    form = {"display_name": "Ana", "email": "ana@example.org", "password1": NEW_PASSWORD}
    client.post(SIGNUP, {**form, "is_staff": "on", "is_superuser": "on"})
    account = Account.objects.get()
    assert not account.is_staff
    assert not account.is_superuser


def test_signing_up_with_the_address_of_somebody_else_does_not_touch_their_account(client: Client) -> None:
    known = make_account(email="ana@example.org")
    client.post(SIGNUP, {"display_name": "X", "email": "Ana@example.org", "password1": NEW_PASSWORD})
    assert not signed_in(client)
    assert Account.objects.get() == known
    known.refresh_from_db()
    assert known.check_password(PASSWORD)
    assert known.display_name != "X"


def test_the_right_password_signs_in_and_leads_back(client: Client) -> None:
    account = make_account()
    answer = client.post(LOGIN, {"login": account.email.upper(), "password": PASSWORD, "next": "/sell/"})
    assert (answer.status_code, answer["Location"]) == (302, "/sell/")
    assert signed_in(client)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(client: Client, elsewhere: str) -> None:
    account = make_account()
    answer = client.post(LOGIN, {"login": account.email, "password": PASSWORD, "next": elsewhere})
    assert answer["Location"] == "/"


def test_unknown_addresses_wrong_passwords_and_closed_accounts_look_the_same(client: Client) -> None:
    known, closed = make_account(), make_account(is_active=False)
    pages = []
    for email, password in ((known.email, "wrong"), ("nobody@example.org", PASSWORD), (closed.email, "wrong")):
        cache.clear()
        answer = Client().post(LOGIN, {"login": email, "password": password})
        text = re.sub(r'value="[^"]{40,}"|X-CSRFToken": "\w+"', "", answer.text).replace(email, "")
        pages.append((answer.status_code, text))
    assert pages[0] == pages[1] == pages[2]


def test_a_closed_account_does_not_open_with_its_password(client: Client) -> None:
    closed = make_account(is_active=False)
    sign_in(client, closed.email, PASSWORD)
    assert not signed_in(client)


def test_guessing_is_stopped_even_for_the_right_guess(client: Client) -> None:
    account = make_account()
    for _guess in range(10):
        sign_in(client, account.email, "wrong")
    sign_in(client, account.email, PASSWORD)
    assert not signed_in(client)


def test_signing_out_takes_a_post_and_ends_the_session(client: Client) -> None:
    client.force_login(make_account())
    client.get("/account/logout/")
    assert signed_in(client)
    before = client.session.session_key
    assert before is not None
    assert client.post("/account/logout/")["Location"] == "/"
    assert not signed_in(client)
    assert not client.session.exists(before)


def test_signing_in_changes_the_session_key(client: Client) -> None:
    account = make_account()
    session = client.session
    session["before"] = 1
    session.save()
    before = session.session_key
    sign_in(client, account.email, PASSWORD)
    assert signed_in(client)
    assert client.session.session_key != before


def test_a_forgotten_password_is_set_anew_once_by_a_mailed_link(client: Client) -> None:
    account = make_account()
    client.post(RESET, {"email": account.email})
    (message,) = mail.outbox
    assert message.to == [account.email]
    found = RESET_LINK.search(str(message.body))
    assert found
    form_at = client.get(found.group(1), follow=True).redirect_chain[-1][0]
    answer = client.post(form_at, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert answer.status_code == 302
    account.refresh_from_db()
    assert account.check_password(NEW_PASSWORD)
    client.logout()
    again = Client().get(found.group(1), follow=True)
    assert "password1" not in again.text


def test_a_changed_password_ends_sessions_elsewhere(client: Client) -> None:
    account = make_account()
    elsewhere = Client()
    elsewhere.force_login(account)
    client.force_login(account)
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert client.post("/account/password/change/", form).status_code == 302
    account.refresh_from_db()
    assert account.check_password(NEW_PASSWORD)
    assert elsewhere.get("/my/listings/").status_code == 302


def test_asking_for_the_password_of_an_unknown_address_looks_the_same(client: Client) -> None:
    known = make_account()
    answers = [client.post(RESET, {"email": email}) for email in (known.email, "nobody@example.org")]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, reverse("account_reset_password_done"))
    ] * 2


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(client: Client) -> None:
    account = make_account()
    client.post(LOGIN, {"login": account.email, "password": PASSWORD})
    session = client.cookies["feira_session"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"
    client.get(LOGIN)
    assert client.cookies["feira_csrf"]["samesite"] == "Lax"


def test_a_form_without_its_token_is_refused_with_a_page() -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(LOGIN, {"login": "a@example.org", "password": "x"})
    assert answer.status_code == 403
    assert "<h1" in answer.text


@pytest.mark.parametrize("path", [LOGIN, SIGNUP])
def test_pages_with_passwords_are_not_kept_by_caches(client: Client, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]


def test_mails_name_the_shop_and_come_in_the_readers_words(client: Client, settings: Settings) -> None:
    account = make_account()
    client.post(RESET, {"email": account.email})
    (message,) = mail.outbox
    assert message.from_email == settings.DEFAULT_FROM_EMAIL
    assert "example.com" not in str(message.body)
