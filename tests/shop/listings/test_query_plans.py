"""How SQLite finds a few rows among many, with and without figures about the catalogue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from feira.shop.feed.selectors import photos_on_listings
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import cards_in_order, listing_of_photos, live_listings
from feira.shop.listings.statistics import refresh_statistics
from tests.factories import make_category, make_seller

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL counts by itself")


def make_many(count: int) -> list[int]:
    seller, category = make_seller(), make_category()
    rows = Listing.objects.bulk_create(
        [Listing(seller=seller, category=category, title=f"Hat {n}", price=n, currency="EUR") for n in range(count)]
    )
    return [row.pk for row in rows]


@contextmanager
def plans() -> Iterator[list[str]]:
    """Yield a list that holds, afterwards, the plan of every statement executed inside."""
    statements: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found
    for sql, params in statements:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            found += [row[-1] for row in cursor.fetchall()]


@pytest.mark.django_db
@pytest.mark.parametrize("ask", [cards_in_order, listing_of_photos, photos_on_listings])
def test_a_few_rows_are_looked_up_by_number_even_without_figures(ask: Callable[[list[int]], object]) -> None:
    with plans() as found:
        ask(list(range(1, 300)))
    assert not [plan for plan in found if "state=?" in plan]
    assert [plan for plan in found if "PRIMARY KEY" in plan]


@pytest.mark.django_db(transaction=True)
def test_with_figures_sqlite_looks_numbers_up_in_connections_that_were_open_before() -> None:
    numbers = make_many(150)
    Listing.objects.update(state=Listing.State.LIVE, published_at="2026-01-01T00:00:00Z")
    with plans() as before:
        list(live_listings().filter(pk__in=numbers[:20]))
    assert [plan for plan in before if "state=?" in plan]
    with connections.create_connection("default").cursor() as elsewhere:
        elsewhere.execute("SELECT count(*) FROM listings_listing")
        assert refresh_statistics()
        # An EXPLAIN alone does not look whether the schema, and the figures with it, have changed.
        elsewhere.execute("SELECT count(*) FROM listings_listing")
        elsewhere.execute("EXPLAIN QUERY PLAN SELECT * FROM listings_listing WHERE state = 'live' AND id IN (1, 2, 3)")
        assert "PRIMARY KEY" in elsewhere.fetchone()[-1]
        elsewhere.connection.close()


@pytest.mark.django_db
def test_figures_are_taken_again_when_the_catalogue_has_doubled() -> None:
    assert not refresh_statistics(), "a hundred listings are found in any way"
    numbers = make_many(150)
    assert refresh_statistics()
    make_many(100)
    assert not refresh_statistics()
    make_many(100)
    assert refresh_statistics()
    Listing.objects.filter(pk__in=numbers).delete()
    Listing.objects.filter(title="Hat 99").delete()
    assert not refresh_statistics(), "two hundred are left of three hundred and fifty"
