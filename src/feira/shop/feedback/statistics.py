"""What people did with the answers to a query, counted per query and listing, with bounded memory.

Position bias: what stands first is looked at more, so plain clicks per showing flatter it. `examined` adds up how
likely it is that somebody looked at the places where a listing stood, 1 / log₂(place + 1), the discount that nDCG uses
too (Järvelin and Kekäläinen 2002); `weighted_ctr` = clicked / examined. This is a position-based model (Craswell et al.
2008) with a fixed curve, not a fitted one: compare listings by it, do not read it as a probability.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from django.db.models import Count, Max, Model, QuerySet

from feira.shop.feedback.models import Click, Judgement, SearchLog
from feira.shop.listings.models import Listing

KEYS_AT_ONCE = 100
MOST_TITLES = 100_000
_LISTINGS_AT_ONCE = 500

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (included) to `until` (not included); None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def of(self, rows: "QuerySet[_Row]") -> "QuerySet[_Row]":
        """Return the rows within the period."""
        if self.since is not None:
            rows = rows.filter(at__gte=self.since)
        return rows.filter(at__lt=self.until) if self.until is not None else rows


@dataclass(slots=True)
class ListingFigures:
    """What happened to one listing under one query."""

    listing_id: int
    title: str = ""
    positive: int = 0
    negative: int = 0
    shown: int = 0
    clicked: int = 0
    positions: int = 0
    examined: float = 0.0

    @property
    def agreement(self) -> float | None:
        """Share of the judgements that say what most say: 0.5 to 1; None without judgements."""
        return _share(max(self.positive, self.negative), self.positive + self.negative)

    @property
    def mean_position(self) -> float | None:
        """Mean place at which it was shown, from 1."""
        return _share(self.positions, self.shown)

    @property
    def ctr(self) -> float | None:
        """Clicks per showing."""
        return _share(self.clicked, self.shown)

    @property
    def weighted_ctr(self) -> float | None:
        """Clicks per expected look, see the module."""
        return _share(self.clicked, self.examined)


@dataclass(slots=True)
class QueryFigures:
    """What happened to one query; listings in the order of their numbers."""

    key: str
    text: str = ""
    searches: int = 0
    without_results: int = 0
    listings: list[ListingFigures] = field(default_factory=list)

    @property
    def positive(self) -> int:
        """Judgements that call a result right."""
        return sum(each.positive for each in self.listings)

    @property
    def negative(self) -> int:
        """Judgements that call a result wrong."""
        return sum(each.negative for each in self.listings)

    @property
    def clicked(self) -> int:
        """Results that were opened."""
        return sum(each.clicked for each in self.listings)

    @property
    def agreement(self) -> float | None:
        """Share of all judgements that agree with most of those about the same listing."""
        return _share(sum(max(each.positive, each.negative) for each in self.listings), self.positive + self.negative)


@lru_cache(maxsize=4_096)
def examination(position: int) -> float:
    """Return how likely a result at this place (from 1) is looked at.

    >>> examination(1), examination(3)
    (1.0, 0.5)
    """
    return 1 / math.log2(position + 1)


def query_figures(period: Period, *, key: str | None = None) -> Iterator[QueryFigures]:
    """Yield the figures of one query, or of all that were asked or judged in the period, in the order of their keys.

    One query is yielded even if nothing happened. A hundred queries are read at a time.
    """
    titles: dict[int, str] = {}
    if key is not None:
        yield from _figures([key], period, titles)
        return
    searched = period.of(SearchLog.objects.order_by()).values_list("key")
    clicked = period.of(Click.objects.order_by()).values_list("key")
    judged = period.of(Judgement.objects.order_by()).values_list("query__key")
    keys = searched.union(clicked, judged).order_by("key")
    found = (row[0] for row in keys.iterator(chunk_size=2_000))
    while some := list(islice(found, KEYS_AT_ONCE)):
        yield from _figures(some, period, titles)


def _figures(keys: Sequence[str], period: Period, titles: dict[int, str]) -> list[QueryFigures]:
    figures = {key: QueryFigures(key) for key in keys}
    by_listing: dict[str, dict[int, ListingFigures]] = {key: {} for key in keys}

    def of(key: str, listing_id: int) -> ListingFigures:
        return by_listing[key].setdefault(listing_id, ListingFigures(listing_id))

    searches = period.of(SearchLog.objects.filter(key__in=keys).order_by())
    for row in searches.values_list("key", "text", "listing_ids", "first_position", "total").iterator(2_000):
        key, text, listing_ids, first, total = row
        query = figures[key]
        query.text = query.text or text
        # The pages after the first are the same search going on.
        query.searches += first == 1
        query.without_results += total == 0
        for position, listing_id in enumerate(listing_ids, start=first):
            each = of(key, listing_id)
            each.shown += 1
            each.positions += position
            each.examined += examination(position)
    clicks = period.of(Click.objects.filter(key__in=keys).order_by())
    for key, listing_id, count in clicks.values_list("key", "listing_id").annotate(Count("pk")):
        of(key, listing_id).clicked += count
    said = period.of(Judgement.objects.filter(query__key__in=keys).order_by())
    for key, listing_id, value, count, text in said.values_list("query__key", "listing_id", "value").annotate(
        Count("pk"), Max("query__text")
    ):
        each = of(key, listing_id)
        each.positive += count if value > 0 else 0
        each.negative += count if value < 0 else 0
        figures[key].text = figures[key].text or text
    _name(by_listing, titles)
    for key in keys:
        figures[key].listings = [by_listing[key][pk] for pk in sorted(by_listing[key])]
    return [figures[key] for key in keys]


def _name(by_listing: dict[str, dict[int, ListingFigures]], titles: dict[int, str]) -> None:
    """Write the titles of the listings that are still there; `titles` keeps some of them from batch to batch."""
    numbers = {pk for listings in by_listing.values() for pk in listings}
    if len(titles) > MOST_TITLES:
        titles.clear()
    unknown = sorted(numbers - titles.keys())
    for start in range(0, len(unknown), _LISTINGS_AT_ONCE):
        some = unknown[start : start + _LISTINGS_AT_ONCE]
        titles.update(dict.fromkeys(some, ""))
        titles.update(Listing.objects.filter(pk__in=some).order_by().values_list("pk", "title"))
    for listings in by_listing.values():
        for pk, each in listings.items():
            each.title = titles[pk]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
