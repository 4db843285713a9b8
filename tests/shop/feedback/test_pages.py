"""Thumbs on pages: for everybody, with and without scripts, for what one may see, and not too often."""

from urllib.parse import quote

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from feira.shop.feedback.models import Click, JudgedQuery, Judgement
from feira.shop.feedback.selectors import signal_for
from feira.shop.listings.models import Listing
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db


@pytest.fixture
def dress() -> Listing:
    return make_listing(title="Red dress")


def thumb(client: Client, listing: Listing, value: str, query: str = "dress red", **more: str) -> int:
    address = f"/feedback/{listing.pk}/?query={quote(query)}&text=Red%20dress"
    return client.post(address, {"thumb": value}, headers=more).status_code


def test_a_guest_judges_and_is_known_again_in_the_same_browser(client: Client, dress: Listing) -> None:
    assert thumb(client, dress, "1") == 302
    assert thumb(client, dress, "-1") == 302
    judgement = Judgement.objects.get()
    assert (judgement.value, judgement.account) == (-1, None)
    assert JudgedQuery.objects.get().text == "Red dress"
    assert signal_for("dress red")[dress.pk] < 0
    assert thumb(client, dress, "0") == 302
    assert not Judgement.objects.exists()


def test_an_account_judges_under_its_own_name_whatever_its_browser(dress: Listing) -> None:
    person = make_account()
    for value in ("1", "-1"):
        client = Client()
        client.force_login(person)
        thumb(client, dress, value)
    assert Judgement.objects.get().account == person


def test_nothing_that_is_kept_names_the_browser_or_the_address(client: Client, dress: Listing) -> None:
    thumb(client, dress, "1")
    judgement = Judgement.objects.get()
    (session,) = Session.objects.all()
    kept = f"{judgement.person} {judgement.origin}"
    assert "127.0.0.1" not in kept
    assert not any(str(value) in kept for value in session.get_decoded().values())


def test_htmx_gets_the_thumbs_back_with_the_right_one_pressed(client: Client, dress: Listing) -> None:
    page = client.post(
        f"/feedback/{dress.pk}/?query=dress+red", {"thumb": "1"}, headers={"HX-Request": "true"}
    ).content.decode()
    up, down = page.split("<button")[1:]
    assert 'aria-pressed="true"' in up
    assert 'value="0"' in up  # pressing it again takes it back
    assert 'aria-pressed="false"' in down
    assert 'value="-1"' in down
    assert f'id="thumbs-{dress.pk}"' in page


def test_a_plain_form_leads_back_to_the_page_it_came_from_and_nowhere_else(client: Client, dress: Listing) -> None:
    def lead(following: str) -> str:
        address = f"/feedback/{dress.pk}/?query=dress"
        return str(client.post(address, {"thumb": "1", "next": following})["Location"])

    assert lead("/search/?q=dress") == "/search/?q=dress"
    assert lead("https://elsewhere.example/") == dress.get_absolute_url()


def test_what_one_may_not_see_cannot_be_judged(client: Client) -> None:
    draft = make_listing(publish=False)
    assert thumb(client, draft, "1") == 404
    assert client.post("/feedback/999999999999999999999/?query=x", {"thumb": "1"}).status_code == 404
    assert not Judgement.objects.exists()


@pytest.mark.parametrize(("value", "query"), [("2", "dress"), ("", "dress"), ("1", ""), ("1", "!?"), ("1", "\0")])
def test_nonsense_is_refused(client: Client, dress: Listing, value: str, query: str) -> None:
    assert thumb(client, dress, value, query) == 400
    assert not Judgement.objects.exists()


def test_a_forged_form_is_refused(dress: Listing) -> None:
    client = Client(enforce_csrf_checks=True)
    assert thumb(client, dress, "1") == 403
    assert client.post("/feedback/click/", {"query": "dress", "listing": dress.pk}).status_code == 403


def test_reading_an_address_judges_nothing(client: Client, dress: Listing) -> None:
    assert client.get(f"/feedback/{dress.pk}/?query=dress&thumb=1").status_code == 405


def test_many_thumbs_at_once_are_slowed_down(client: Client, dress: Listing) -> None:
    codes = [thumb(client, dress, "1") for _number in range(61)]
    assert codes[-2:] == [302, 429]


def test_an_opened_result_is_noted_with_its_place(client: Client, dress: Listing) -> None:
    sent = {"query": "dress red", "listing": dress.pk, "position": "7"}
    assert client.post("/feedback/click/", sent).status_code == 204
    click = Click.objects.get()
    assert (click.key, click.listing, click.position) == ("dress red", dress, 7)
    assert not Session.objects.exists()  # looking at something sets no cookie


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"listing": "999999"}, 404),
        ({"listing": "x"}, 404),
        ({"query": ""}, 400),
        ({"position": "-3"}, 204),
        ({"position": "9" * 30}, 204),
    ],
)
def test_a_made_up_click_does_no_harm(client: Client, dress: Listing, changes: dict[str, str], status: int) -> None:
    sent = {"query": "dress", "listing": str(dress.pk), "position": "1", **changes}
    assert client.post("/feedback/click/", sent).status_code == status
