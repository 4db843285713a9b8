"""The behaviour of a keyword index; run on SQLite by default, on PostgreSQL with FEIRA_TEST_DATABASE_URL."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.listings.services import archive_listing, publish_listing
from feira.shop.search.text_index import text_index
from feira.shop.search.words import parse_words
from tests.factories import make_category, make_listing

pytestmark = pytest.mark.django_db


def found(text: str, **passing: Any) -> list[str]:
    """Return the titles found, best first, having checked that both ways of asking agree."""
    words = parse_words(text)
    listings = live_listings(ListingFilter(**passing))
    best = text_index().best(listings, words, most=100)
    assert sorted(best) == sorted(text_index().having(listings, words).values_list("pk", flat=True))
    titles = dict(Listing.objects.values_list("pk", "title"))
    return [titles[pk] for pk in best]


def test_every_word_has_to_be_there_in_title_attributes_or_description() -> None:
    make_listing(title="Red shoes", description="made of leather")
    make_listing(title="Red hat")
    assert found("red leather ") == ["Red shoes"]
    assert found("clothing hat") == ["Red hat"]
    assert found("green") == []


def test_the_last_word_may_be_unfinished_and_the_others_may_not() -> None:
    make_listing(title="Red shoes")
    assert found("red sho") == ["Red shoes"]
    assert found("re shoes") == []


def test_the_title_counts_more_than_the_category_and_that_more_than_the_description() -> None:
    make_listing(title="Brown belt", category=make_category("Other"), description="goes well with a lamp")
    make_listing(title="Brown belt of brass", category=make_category("Lamp"))
    make_listing(title="Brown lamp", category=make_category("Other"))
    assert found("lamp") == ["Brown lamp", "Brown belt of brass", "Brown belt"]


def test_equal_matches_come_newest_first() -> None:
    ids = [make_listing(title="Green coat").pk for _number in range(3)]
    assert text_index().best(live_listings(), parse_words("coat"), most=2) == [ids[2], ids[1]]


def test_minus_words_and_phrases_leave_listings_out() -> None:
    make_listing(title="Black leather bag")
    make_listing(title="Black bag", description="faux fur")
    make_listing(title="Black fur faux bag")
    assert found('bag -leather -"faux fur"') == ["Black fur faux bag"]
    kept = text_index().having(live_listings(), parse_words("-leather"))
    assert kept.count() == 2


def test_a_phrase_wants_its_words_side_by_side() -> None:
    make_listing(title="Summer dress")
    make_listing(title="Dress for summer")
    assert found('"summer dress"') == ["Summer dress"]


def test_accents_case_and_punctuation_do_not_count() -> None:
    make_listing(title="Café T-shirt Ångström, 42.5", description="«Été» – snake_case")
    for text in ("cafe", "CAFÉ ", "angstrom", "t-shirt", "shirt", "ete", "42.5", "snake ", "case "):
        assert len(found(text)) == 1, text


def test_other_scripts_are_found() -> None:
    make_listing(title="Тёплый шарф 한국")
    assert found("тёплый 한국 ") == ["Тёплый шарф 한국"]


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "a' OR 'b",
        "NEAR(a b)",
        "title:red",
        "red*",
        "^red",
        "(",
        "AND",
        "NOT red",
        "a & !b",
        "\\",
        "%s",
        "{x}",
    ],
)
def test_no_character_has_a_meaning_to_the_database(text: str) -> None:
    make_listing(title="Red shoes")
    words = parse_words(text)
    if words.wanted:
        text_index().best(live_listings(), words, most=10)
    list(text_index().having(live_listings(), words))


def test_the_filter_is_applied_before_the_best_are_taken() -> None:
    wanted = make_listing(title="Red coat", price="5")
    for _number in range(3):
        make_listing(title="Red red red", price="90")
    best = text_index().best(live_listings(ListingFilter(max_price=Decimal(10))), parse_words("red"), most=1)
    assert best == [wanted.pk]


def test_a_listing_is_found_exactly_while_it_is_live() -> None:
    listing = make_listing(title="Red shoes", publish=False)
    assert "shoes" not in text_index().vocabulary(most=100)
    publish_listing(listing=listing)
    assert found("shoes") == ["Red shoes"]
    Listing.objects.filter(pk=listing.pk).update(title="Blue boots")
    assert found("red") == []
    assert found("boots") == ["Blue boots"]
    archive_listing(listing=listing)
    assert found("boots") == []
    assert text_index().vocabulary(most=100) == {}
    publish_listing(listing=Listing.objects.get(pk=listing.pk))
    Listing.objects.get(pk=listing.pk).listing_photos.all().delete()
    Listing.objects.filter(pk=listing.pk).delete()
    assert text_index().vocabulary(most=100) == {}


def test_the_vocabulary_counts_listings_and_names_the_most_frequent_first() -> None:
    make_listing(title="Café café", category=make_category("Other"))
    make_listing(title="Café", category=make_category("Other"))
    make_listing(title="Tea", category=make_category("Other"))
    assert text_index().vocabulary(most=2) == {"other": 3, "cafe": 2}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite loses triggers")
def test_a_lost_trigger_is_put_back_and_what_was_missed_is_indexed() -> None:
    assert not text_index().repair()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER search_words_take_in_changed")
    make_listing(title="Red shoes")
    assert found("shoes") == []
    assert text_index().repair()
    assert found("shoes") == ["Red shoes"]
