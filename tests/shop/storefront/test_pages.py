"""Home, a listing, a seller: what is shown to whom, and at what price in queries."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from feira.shop.feed.services import like
from feira.shop.listings.services import archive_listing, mark_sold
from feira.shop.listings.tagging import set_tags, tag_listings
from feira.shop.listings.tags import TagName
from tests.factories import make_account, make_listing, make_seller, owner_of

pytestmark = pytest.mark.django_db

QUERIES = {"home": 4, "listing": 6, "seller": 2}
SESSION_ACCOUNT_AND_LIKES = 3


def queries_for(client: Client, address: str) -> int:
    """Return how many queries a page takes."""
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("count", [3, 30])
def test_pages_take_the_same_few_queries_whatever_the_catalogue_holds(
    work_done: Callable[[], None], client: Client, count: int
) -> None:
    seller = make_seller()
    listings = [make_listing(seller, title=f"Red shoes {number}", photo_count=2) for number in range(count)]
    work_done()
    addresses = {
        "home": reverse("storefront:home"),
        "listing": listings[-1].get_absolute_url(),
        "seller": reverse("storefront:seller", args=[seller.slug]),
    }
    assert "You may also like" in client.get(addresses["listing"]).text
    assert {name: queries_for(client, address) for name, address in addresses.items()} == QUERIES


def test_somebody_signed_in_costs_three_queries_more(client: Client) -> None:
    account, listings = make_account(), [make_listing() for _number in range(3)]
    like(account=account, listing=listings[0])
    client.force_login(account)
    assert queries_for(client, reverse("storefront:home")) == QUERIES["home"] + SESSION_ACCOUNT_AND_LIKES


def test_home_shows_the_newest_first_and_nothing_private(client: Client) -> None:
    for title in ("Older", "Newer"):
        make_listing(title=title)
    make_listing(title="Hidden draft", publish=False)
    archive_listing(listing=make_listing(title="Put away"))
    text = client.get("/").text
    assert text.index("Newer") < text.index("Older")
    assert "Hidden draft" not in text
    assert "Put away" not in text


def test_home_goes_on_with_the_next_cards_alone(client: Client) -> None:
    for number in range(30):
        make_listing(title=f"Thing {number}")
    found = re.search(r'hx-get="([^"]+)"', client.get("/").text)
    assert found
    more = client.get(unescape(found.group(1)), headers={"HX-Request": "true"}).text
    assert "<html" not in more
    assert "Thing 0" in more


def test_a_cursor_that_nobody_made_is_refused_with_a_sentence(client: Client) -> None:
    answer = client.get("/?after=nonsense")
    assert answer.status_code == 400
    assert "Start again from the first page." in answer.text


def test_an_empty_shop_says_what_to_do(client: Client) -> None:
    assert "Be the first" in client.get("/").text


def test_the_words_in_an_address_are_corrected(client: Client) -> None:
    listing = make_listing(title="Red shoes")
    for wrong in (f"/listings/{listing.pk}/", f"/listings/{listing.pk}/blue-hat/"):
        answer = client.get(wrong)
        assert (answer.status_code, answer["Location"]) == (301, f"/listings/{listing.pk}/red-shoes/")


@pytest.mark.parametrize("state", ["draft", "archived"])
def test_a_private_listing_exists_for_its_seller_only(client: Client, state: str) -> None:
    listing = make_listing(publish=state != "draft")
    if state == "archived":
        archive_listing(listing=listing)
    address = listing.get_absolute_url()
    assert client.get(address).status_code == 404
    client.force_login(owner_of(make_seller()))
    assert client.get(address).status_code == 404
    client.force_login(owner_of(listing.seller))
    assert "Only you see it" in client.get(address).text


def test_a_sold_listing_can_still_be_looked_at(client: Client) -> None:
    listing = make_listing()
    mark_sold(listing=listing)
    assert "This has been sold" in client.get(listing.get_absolute_url()).text


def test_only_the_seller_is_offered_to_edit(client: Client) -> None:
    listing = make_listing()
    edit = reverse("storefront:edit", args=[listing.pk])
    assert edit not in client.get(listing.get_absolute_url()).text
    client.force_login(make_account())
    assert edit not in client.get(listing.get_absolute_url()).text
    client.force_login(owner_of(listing.seller))
    assert edit in client.get(listing.get_absolute_url()).text


HOSTILE = "</script><script>alert(1)</script>"


def test_what_a_seller_writes_stays_text_wherever_it_is_shown(client: Client) -> None:
    listing = make_listing(title=HOSTILE, description=HOSTILE)
    for address in ("/", listing.get_absolute_url(), reverse("storefront:seller", args=[listing.seller.slug])):
        assert "<script>alert" not in client.get(address).text


def test_programs_read_price_and_photos_from_the_page(client: Client) -> None:
    listing = make_listing(title=f"Shoes {HOSTILE}", price="12.50", photo_count=2)
    page = client.get(listing.get_absolute_url()).text
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert found
    product = json.loads(found.group(1))
    assert product["name"] == f"Shoes {HOSTILE}"
    assert (product["offers"]["price"], product["offers"]["priceCurrency"]) == ("12.50", "EUR")
    assert product["offers"]["availability"] == "https://schema.org/InStock"
    assert len(product["image"]) == page.count('property="og:image"') == 2
    assert '<meta property="product:price:amount" content="12.50">' in page


def test_a_seller_shows_what_they_offer_and_nothing_else(client: Client) -> None:
    seller = make_seller(name="Rua Nova")
    make_listing(seller, title="Mine")
    make_listing(seller, title="My draft", publish=False)
    make_listing(title="Somebody else's")
    text = client.get(reverse("storefront:seller", args=[seller.slug])).text
    assert "Rua Nova" in text
    assert "Mine" in text
    assert "My draft" not in text
    assert "Somebody else" not in text
    assert client.get(reverse("storefront:seller", args=["nobody"])).status_code == 404


@pytest.mark.parametrize("name", ["home", "liked", "my_listings"])
def test_pages_to_look_at_take_no_posts(client: Client, name: str) -> None:
    client.force_login(make_account())
    assert client.post(reverse(f"storefront:{name}")).status_code == 405


def test_a_listing_shows_its_tags_and_says_which_a_machine_gave(client: Client) -> None:
    listing = make_listing(colour=(200, 20, 24))
    tag_listings([listing.pk])
    page = client.get(listing.get_absolute_url()).text
    assert 'href="/search/?colour=red"' in page
    assert "seen in the photos by the machine" in page
    set_tags(listing=listing, wanted=[TagName("keyword", "<b>silk</b>")])
    page = client.get(listing.get_absolute_url()).text
    assert "colour=red" not in page
    assert "by the machine" not in page
    assert "&lt;b&gt;silk&lt;/b&gt;" in page
    assert "<b>silk" not in page
