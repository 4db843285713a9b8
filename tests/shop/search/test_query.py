"""The URL carries the whole query."""

from dataclasses import replace
from decimal import Decimal

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from feira.core.images.cropping import LEAST, WHOLE, Crop
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import ListingFilter
from feira.shop.listings.tags import COLOURS
from feira.shop.search.changes import read_away, read_changes
from feira.shop.search.query import ORDERS, SearchQuery
from feira.shop.search.reading import MOST_EXAMPLES

texts = st.text(max_size=30).map(lambda text: " ".join(text.replace("\0", "").split()))
words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
prices = st.none() | st.decimals(0, Decimal("9999999999.99"), places=2)
numbers = st.integers(0, 10**18 - 1)
ids = st.none() | numbers
examples = st.lists(numbers, unique=True, max_size=2 * MOST_EXAMPLES)
crops = st.builds(
    Crop, st.integers(0, 400), st.integers(0, 400), st.integers(LEAST, WHOLE - 401), st.integers(LEAST, WHOLE - 401)
)
changes = st.text(max_size=40).map(lambda text: read_changes(" ".join(text.replace("\0", "").split())).towards)
away = st.text(max_size=40).map(lambda text: read_away(" ".join(text.replace("\0", "").split())))
colours = st.sets(st.sampled_from(COLOURS)).map(lambda names: tuple(name for name in COLOURS if name in names))

filters = st.builds(
    ListingFilter,
    category_path=st.just("") | words.map(lambda word: word.replace("/", "-")),
    seller_slug=st.just("") | words,
    conditions=st.sets(st.sampled_from(Listing.Condition.values)).map(
        lambda chosen: tuple(value for value in Listing.Condition.values if value in chosen)
    ),
    min_price=prices,
    max_price=prices,
    colours=colours,
    attributes=st.dictionaries(
        words, st.sets(words, min_size=1, max_size=4).map(lambda v: tuple(sorted(v))), max_size=4
    ).map(lambda found: {code: found[code] for code in sorted(found)}),
)


@st.composite
def likes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    found = draw(examples)
    split = draw(st.integers(0, len(found)))
    return tuple(found[:split][:MOST_EXAMPLES]), tuple(found[split:][:MOST_EXAMPLES])


plain_queries = st.builds(
    SearchQuery,
    text=texts,
    photo_id=ids,
    listing_id=ids,
    crop=st.none() | crops,
    but=changes,
    without=away,
    is_cheaper=st.booleans(),
    balance=st.integers(0, 100),
    is_strict=st.booleans(),
    explain=st.booleans(),
    passing=filters,
    sort=st.sampled_from(ORDERS),
    after=st.just("") | words,
)
queries = st.tuples(plain_queries, likes()).map(lambda both: replace(both[0], like=both[1][0], unlike=both[1][1]))


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
        *("crop=0,0,1,1", "crop=0,0,2,2", "crop=x", "crop=0.5,0.5,0.01,0.5", "balance=101", "balance=-1", "balance=x"),
        *("like=x", "unlike=-1", "but=", "but=,", "without=-", "cheaper=0", "colour=", "explain=yes"),
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


def test_what_was_typed_after_but_is_read_once_and_for_all() -> None:
    query = SearchQuery.from_url(QueryDict("listing=7&but=red,+without+stripes,+cheaper&without=no+hood"))
    assert (query.but, query.without, query.is_cheaper) == ("red", "hood stripes", True)
    assert query.to_url() == "listing=7&but=red&without=hood+stripes&cheaper=1"


@pytest.mark.parametrize(
    ("text", "towards", "away", "is_cheaper"),
    [
        ("red", "red", "", False),
        ("but in red", "in red", "", False),
        ("without pattern", "", "pattern", False),
        ("vermelho, sem padrão e mais barato", "vermelho", "padrão", True),
        ("-stripes long sleeves", "long sleeves", "stripes", False),
        ("less dark, more blue", "blue", "dark", False),
    ],
)
def test_wishes_are_read_in_the_languages_of_the_pages(text: str, towards: str, away: str, is_cheaper: bool) -> None:
    found = read_changes(text)
    assert (found.towards, found.away, found.is_cheaper) == (towards, away, is_cheaper)


def test_a_listing_is_not_both_liked_and_disliked() -> None:
    query = SearchQuery.from_url(QueryDict("like=1&like=2&like=1&unlike=2&unlike=3"))
    assert (query.like, query.unlike) == ((1, 2), (3,))


def test_without_its_photo_a_query_keeps_the_rest() -> None:
    query = SearchQuery.from_url(QueryDict("q=red&photo=3&crop=0,0,0.5,0.5&balance=80&cheaper=1&like=4&after=x"))
    assert query.without_photo().to_url() == "q=red&like=4"
