"""Pages of cards, filters, facets; and what they cost."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from feira.shop.listings import selectors, services
from feira.shop.listings.facets import facets_of, price_range
from feira.shop.listings.models import Attribute, Listing
from feira.shop.listings.selectors import ListingFilter, live_listings, page_of_cards
from feira.shop.web.cursors import InvalidCursor
from tests.factories import make_account, make_category, make_listing, make_seller

pytestmark = pytest.mark.django_db


def bare_listings(prices: list[str], **common: Any) -> list[Listing]:
    """Live listings without photos: many and quick."""
    category, seller = make_category("Hats"), make_seller()
    made = []
    for number, price in enumerate(prices):
        facts = services.ListingFacts(
            title=f"Hat {number}", category=category, price=Decimal(price), currency="EUR", **common
        )
        listing = services.create_listing(seller=seller, facts=facts, photos_in_order=[])
        Listing.objects.filter(pk=listing.pk).update(state="live", published_at=listing.created_at)
        made.append(listing)
    return made


@pytest.mark.parametrize("sort", sorted(selectors.SORTS))
def test_pages_together_show_every_listing_once_and_in_order(sort: str) -> None:
    bare_listings(["5", "3", "3", "9", "1", "3", "7"])
    seen, cursor = [], None
    while True:
        page = page_of_cards(live_listings(), sort=sort, cursor=cursor, size=2)
        seen += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    order = selectors.SORTS[sort].order()
    assert [card["id"] for card in seen] == list(live_listings().order_by(*order).values_list("pk", flat=True))


def test_a_listing_that_appears_between_two_pages_doubles_nothing() -> None:
    bare_listings(["1", "2", "3", "4"])
    first = page_of_cards(live_listings(), size=2)
    bare_listings(["5"])
    second = page_of_cards(live_listings(), size=9, cursor=first.next_cursor)
    ids = [card["id"] for card in first.rows + second.rows]
    assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize("cursor", ["nonsense", "WzEsMl0", "e30"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        page_of_cards(live_listings(), cursor=cursor)


def test_a_cursor_of_another_order_is_refused() -> None:
    bare_listings(["1", "2"])
    cursor = page_of_cards(live_listings(), sort="cheapest", size=1).next_cursor
    with pytest.raises(InvalidCursor, match="another order"):
        page_of_cards(live_listings(), sort="newest", cursor=cursor)


@pytest.mark.parametrize("count", [3, 30])
def test_a_page_of_cards_is_one_query_whatever_the_catalogue(django_assert_num_queries: Any, count: int) -> None:
    bare_listings(["1"] * count)
    with django_assert_num_queries(1):
        page_of_cards(live_listings(ListingFilter(category_path="hats")), size=24)


def test_a_listing_in_full_is_four_queries_whatever_it_holds(django_assert_num_queries: Any) -> None:
    listing = make_listing(photo_count=4)
    with django_assert_num_queries(4):  # listing with seller and category; photos; attribute values; tags
        found = selectors.listing_in_full(live_listings(), listing.pk)
        assert found is not None
        assert len(selectors.photos_of(found)) == 4


def test_who_sees_which_listing() -> None:
    owner, other = make_seller(), make_account()
    draft = make_listing(owner, publish=False)
    sold = services.mark_sold(listing=make_listing(owner))
    archived = services.archive_listing(listing=make_listing(owner))
    live = make_listing(owner)
    staff = make_account(is_staff=True)
    for visitor in (AnonymousUser(), other):
        assert set(selectors.listings_visible_to(visitor)) == {sold, live}
    assert owner.account is not None
    for visitor in (owner.account, staff):
        assert set(selectors.listings_visible_to(visitor)) == {draft, sold, archived, live}
    assert not selectors.listings_editable_by(staff).exists()


def test_filters_narrow_and_facets_count_what_each_choice_would_leave() -> None:
    hats, shoes = make_category("Hats"), make_category("Clothing", "Shoes")
    size = services.ensure_attribute(code="size", kind=Attribute.Kind.CHOICE, category=shoes)
    for value in ("M", "L"):
        services.ensure_choice(attribute=size, value=value)
    make_listing(title="a", category=hats, price="10", condition="new")
    make_listing(title="b", category=shoes, price="20", condition="good", attributes={"size": "M"})
    make_listing(title="c", category=shoes, price="30", condition="good", attributes={"size": "L"})
    passing = ListingFilter(category_path="clothing", attributes={"size": ("M",)})
    assert list(live_listings(passing).values_list("title", flat=True)) == ["b"]
    facets = {
        facet.param: {o.value: (o.count, o.active) for o in facet.options}
        for facet in facets_of(live_listings(), passing)
    }
    assert facets["condition"] == {"good": (1, False)}
    assert facets["attr_size"] == {"M": (1, True), "L": (1, False)}
    assert facets["category"] == {"clothing": (1, True), "clothing/shoes": (1, False)}
    everything = price_range(live_listings(), ListingFilter())
    assert everything is not None
    assert (everything.low, everything.high) == (Decimal(10), Decimal(30))


def test_a_price_range_of_nothing_is_none() -> None:
    assert price_range(live_listings(), ListingFilter()) is None
