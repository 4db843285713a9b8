"""Listing pages, asked for inside the shop: how long they take and what they ask the database."""

import time
from random import Random
from typing import Any

from django.db import connection
from django.test import Client

from feira.shop.feed.selectors import similar_listings
from feira.shop.listings.models import Listing
from rig.queries import Queries

client = Client(headers={"host": "127.0.0.1"})


def ask(count: int, seed: int) -> dict[str, Any]:
    """Ask for pages of listings drawn by chance.

    Returns:
        `pages` and `sections`: seconds for each whole page, and for its "You may also like" alone (what is read from
        the database); `page_queries` and `section_queries`: how many of each kind there were; `plans`: how SQLite
        finds the rows for the section.
    """
    rows = Listing.objects.filter(state=Listing.State.LIVE).order_by("pk")
    first, last = rows.first(), rows.last()
    assert first is not None
    assert last is not None
    chosen = Listing.objects.in_bulk(Random(seed).choices(range(first.pk, last.pk + 1), k=count))
    pages, sections, page_queries, section_queries = [], [], set(), set()
    for listing in chosen.values():
        address = listing.get_absolute_url()
        with Queries() as asked:
            started = time.perf_counter()
            response = client.get(address)
            pages.append(time.perf_counter() - started)
        assert response.status_code == 200, f"{address} was answered with {response.status_code}"
        page_queries.add(len(asked.statements))
        with Queries() as asked:
            started = time.perf_counter()
            cards = similar_listings(listing.pk)
            sections.append(time.perf_counter() - started)
        assert len(cards) == 12, f"{address} has {len(cards)} similar listings"
        section_queries.add(len(asked.statements))
    return {
        "pages": pages,
        "sections": sections,
        "page_queries": sorted(page_queries),
        "section_queries": sorted(section_queries),
        "plans": [plan for statement, values in asked.statements for plan in _plan(statement, values)],
    }


def _plan(statement: str, values: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row[-1] for row in cursor.fetchall()]
