"""An uploaded photo has no price and no category: what looks like it tells both."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from feira.core.errors import EngineUnavailable
from feira.core.testing.photos import photo_bytes
from feira.shop.listings.models import Listing
from feira.shop.search import alike
from feira.shop.search.alike import told_by_likeness
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import query_photo
from tests.factories import make_category, make_listing, make_seller
from tests.shop.search.test_looks import asked, halves, sent, titles

RED, BLUE, GREEN = (220, 20, 20), (20, 20, 220), (20, 220, 20)
PRICES = (10, 20, 30, 40, 50)


@pytest.fixture
def stock(seen: Callable[[], None]) -> list[Listing]:
    """Five red coats from 10 to 50, a red hat, and many dear things that look otherwise."""
    seller, coats, hats = make_seller(), make_category("Coats"), make_category("Hats")
    made = [
        make_listing(seller, title=f"Coat {price}", colour=RED, price=str(price), category=coats) for price in PRICES
    ]
    made.append(make_listing(seller, title="Hat", colour=RED, price="3", category=hats))
    made += [
        make_listing(seller, title=f"Other {number}", colour=(BLUE, GREEN)[number % 2], price="900", category=hats)
        for number in range(14)
    ]
    seen()
    return made


def test_cheaper_than_an_upload_is_below_the_middle_price_of_what_looks_like_it(stock: list[Listing]) -> None:
    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    answer = asked(f"photo={photo}&but=cheaper", browser)
    assert answer.photo is not None
    assert (answer.photo.price, answer.photo.kind, answer.photo.alike) == (Decimal("30.00"), "Coats", 5)
    assert not answer.photo.is_placed
    assert {"Coat 10", "Coat 20", "Hat"} == set(titles(answer)), "below 30, whatever else is dear or blue"
    assert not answer.relaxed


def test_the_part_of_the_photo_that_counts_is_what_others_are_like(stock: list[Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    red = asked(f"photo={photo}&crop=0,0,0.5,1&cheaper=1", browser).photo
    blue = asked(f"photo={photo}&crop=0.5,0,0.5,1&cheaper=1", browser).photo
    assert red is not None
    assert blue is not None
    assert (red.price, red.kind) == (Decimal(30), "Coats")
    assert (blue.price, blue.kind) == (Decimal(900), "Hats")


def test_a_wish_keeps_the_kind_that_most_of_what_looks_like_it_is_of(
    stock: list[Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    answer = asked(f"photo={photo}&but=blue", browser)
    assert answer.photo is not None
    assert answer.photo.kind == "Coats"
    monkeypatch.setattr(alike, "LEAST_ALIKE", 7)
    unknown = asked(f"photo={photo}&but=blue", browser).photo
    assert unknown is not None
    assert unknown.kind == ""


def test_no_kind_prevails_where_no_category_has_more_than_half(stock: list[Listing]) -> None:
    Listing.objects.filter(title__in=["Coat 10", "Coat 50"]).update(category=make_category("Capes"))
    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    found = asked(f"photo={photo}&cheaper=1", browser).photo
    assert found is not None
    assert (found.kind, found.price, found.alike) == ("", Decimal("25.00"), 6)


def test_a_photo_of_a_listing_has_its_own_price_and_costs_no_comparison(
    stock: list[Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_given: Any) -> None:
        raise AssertionError("nothing is to be compared")

    monkeypatch.setattr(alike, "look_of", refused)
    own = asked(f"photo={stock[2].cover_id}&cheaper=1").photo
    assert own is not None
    assert (own.price, own.alike, own.is_placed) == (Decimal(30), 0, True)
    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    assert asked(f"photo={photo}", browser).photo == query_photo(SearchQuery(photo_id=photo), browser)


def test_what_resembles_too_little_has_no_price(stock: list[Listing]) -> None:
    Listing.objects.exclude(title__in=["Coat 10", "Hat", "Other 1", "Other 2"]).update(state=Listing.State.ARCHIVED)
    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    answer = asked(f"photo={photo}&cheaper=1", browser)
    assert answer.photo is not None
    assert answer.photo.price is None
    assert len(titles(answer)) == 4, "nothing is left out"


def test_without_an_engine_an_upload_stays_what_it_is(stock: list[Listing], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_given: Any) -> None:
        raise EngineUnavailable("The engine does not answer.")

    photo, browser = sent(photo_bytes(colour=RED, size=(90, 90)))
    query = SearchQuery(photo_id=photo, is_cheaper=True)
    monkeypatch.setattr(alike, "look_of", away)
    plain = query_photo(query, browser)
    assert told_by_likeness(plain, query) == plain


def test_the_page_and_the_api_say_what_cheaper_was_measured_by(stock: list[Listing], client: Client) -> None:
    upload = SimpleUploadedFile("red.jpg", photo_bytes(colour=RED, size=(90, 90)), "image/jpeg")
    photo = client.post("/api/v1/search/photo/", {"photo": upload, "cheaper": "1"}).json()
    assert photo["cheaper_than"] == {"price": "30.00", "listings": 5, "kind": "Coats"}
    page = client.get(f"/search/?photo={photo['photo']}&but=cheaper").content.decode()
    assert "cheaper than 30" in page
    assert "the middle price of the 5 most similar in Coats" in page
    pagina = client.get(f"/search/?photo={photo['photo']}&but=mais+barato", headers={"accept-language": "pt"})
    assert "mais barato do que 30" in pagina.content.decode()
    plain = client.get(f"/api/v1/search/?photo={photo['photo']}").json()
    assert plain["cheaper_than"] is None
    Listing.objects.exclude(title="Hat").update(state=Listing.State.ARCHIVED)
    page = client.get(f"/search/?photo={photo['photo']}&cheaper=1").content.decode()
    assert "Too few listings look like your photo" in page
