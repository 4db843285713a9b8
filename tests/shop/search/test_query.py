"""The URL carries the whole query."""

from decimal import Decimal

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import ListingFilter
from feira.shop.search.query import ORDERS, SearchQuery

texts = st.text(max_size=30).map(lambda text: " ".join(text.replace("\0", "").split()))
words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
prices = st.none() | st.decimals(0, Decimal("9999999999.99"), places=2)
ids = st.none() | st.integers(0, 10**18 - 1)

filters = st.builds(
    ListingFilter,
    category_path=st.just("") | words.map(lambda word: word.replace("/", "-")),
    seller_slug=st.just("") | words,
    conditions=st.sets(st.sampled_from(Listing.Condition.values)).map(
        lambda chosen: tuple(value for value in Listing.Condition.values if value in chosen)
    ),
    min_price=prices,
    max_price=prices,
    attributes=st.dictionaries(
        words, st.sets(words, min_size=1, max_size=4).map(lambda v: tuple(sorted(v))), max_size=4
    ).map(lambda found: {code: found[code] for code in sorted(found)}),
)
queries = st.builds(
    SearchQuery,
    text=texts,
    photo_id=ids,
    listing_id=ids,
    passing=filters,
    sort=st.sampled_from(ORDERS),
    after=st.just("") | words,
)


@given(queries)
def test_a_query_survives_its_way_through_the_url(query: SearchQuery) -> None:
    assert SearchQuery.from_url(QueryDict(query.to_url())) == query


@given(st.text(max_size=200))
def test_any_url_is_a_query_and_its_own_url_means_the_same(text: str) -> None:
    query = SearchQuery.from_url(QueryDict(text))
    assert SearchQuery.from_url(QueryDict(query.to_url())) == query


@pytest.mark.parametrize(
    "url",
    [
        *("min_price=cheap", "max_price=NaN", "max_price=1e400", "min_price=-1", "min_price=9999999999.999"),
        *("photo=-1", "photo=x", "photo=" + "9" * 30),
        *("condition=broken", "sort=random", "attr_=red", "attr_colour=", "q=%00", "unknown=1"),
    ],
)
def test_what_makes_no_sense_is_passed_over(url: str) -> None:
    assert SearchQuery.from_url(QueryDict(url)) == SearchQuery()


def test_a_change_starts_from_the_first_page() -> None:
    query = SearchQuery.from_url(QueryDict("q=red&after=abc&attr_colour=red&attr_colour=blue"))
    assert query.filtered(seller_slug="ana").to_url() == "q=red&seller=ana&attr_colour=blue&attr_colour=red"
    assert query.without_attribute("colour", "red").to_url() == "q=red&attr_colour=blue"
    assert query.without_attribute("colour", "red").without_attribute("colour", "blue").to_url() == "q=red"
    assert query.with_attribute("size", "M").passing.attributes == {"colour": ("blue", "red"), "size": ("M",)}
