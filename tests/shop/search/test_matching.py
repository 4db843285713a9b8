"""What is found by words, and which words are passed over to find anything."""

from typing import Any

import pytest

from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.search.matching import WordMatches, match_words
from feira.shop.search.words import parse_words
from tests.factories import make_listing

pytestmark = pytest.mark.django_db


def matched(text: str, *, passing: ListingFilter | None = None, is_strict: bool = False) -> WordMatches:
    everything: Any = live_listings()
    return match_words(
        parse_words(text),
        everything=everything,
        passing=live_listings(passing) if passing else everything,
        is_filtered=passing is not None,
        is_strict=is_strict,
    )


@pytest.fixture(autouse=True)
def _boots() -> None:
    for title in ("Leather boots", "Leather belt", "Leather gloves", "Woollen boots"):
        make_listing(title=title)


def test_the_rarest_word_goes_first_and_at_most_half_of_them_go() -> None:
    found = matched("leather woollen boots")
    assert [term.text for term in found.dropped] == ["woollen"]
    assert found.share == pytest.approx(2 / 3)
    assert len(found.passing) == 1
    nothing = matched("leather purple striped")
    assert nothing.dropped == ()
    assert list(nothing.passing) == []
    assert nothing.words == parse_words("leather purple striped")


def test_slips_are_corrected_before_words_are_dropped() -> None:
    found = matched("lether gloves")
    assert found.is_corrected
    assert found.dropped == ()
    assert found.words.text == "leather gloves"
    both = matched("lether woollen gloves")
    assert both.is_corrected
    assert [term.text for term in both.dropped] == ["woollen"]


def test_strict_words_are_taken_as_they_stand() -> None:
    assert list(matched("lether gloves", is_strict=True).passing) == []
    assert list(matched("leather woollen boots", is_strict=True).passing) == []


def test_a_filter_that_leaves_nothing_is_not_the_words_fault() -> None:
    found = matched("leather boots", passing=ListingFilter(seller_slug="nobody"))
    assert list(found.passing) == []
    assert len(found.of_all) == 1
    assert not found.is_corrected
    assert found.dropped == ()


def test_one_word_alone_is_never_dropped() -> None:
    assert matched("xylophone").dropped == ()
    assert matched("").share == 0.0
