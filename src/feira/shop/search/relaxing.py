"""What to let go of when nothing answers the whole of a query, so that the page can show something all the same."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.search.asking import filter_of
from feira.shop.search.finding import Found
from feira.shop.search.query import SearchQuery
from feira.shop.search.reading import ATTRIBUTE
from feira.shop.search.selectors import QueryPhoto
from feira.shop.search.synonyms import expanded
from feira.shop.search.text_index import text_index


@dataclass(frozen=True, slots=True)
class Relaxation:
    """What was passed over to find anything.

    Attributes:
        words: as they were typed.
        filters: parameters of the URL, such as `max_price`.
    """

    words: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.filters)


def without_one_filter(
    query: SearchQuery, photo: QueryPhoto | None, found: Found
) -> tuple[SearchQuery, tuple[str, ...]]:
    """Return the query without the filter that costs most (all of them if one is not enough), and what was let go of.

    One count per filter that the query has.

    Args:
        found: what the whole query found, which is nothing.
    """
    words = found.matches.words
    counts: dict[str, int] = {}
    for name, wider in _each_without_one(query):
        listings = live_listings(filter_of(wider, photo))
        if found.matches.of_all and not found.is_by_looks:
            listings = text_index().having(listings, expanded(words))
        counts[name] = listings.count()
    best = max(counts, key=lambda name: counts[name], default="")
    if best and counts[best]:
        return dict(_each_without_one(query))[best], (best,)
    return replace(query, passing=ListingFilter(), is_cheaper=False), tuple(counts)


def _each_without_one(query: SearchQuery) -> Iterator[tuple[str, SearchQuery]]:
    """Yield each filter's name in the URL and the query without it."""
    passing = query.passing
    if passing.category_path:
        yield "category", query.filtered(category_path="")
    if passing.seller_slug:
        yield "seller", query.filtered(seller_slug="")
    if passing.conditions:
        yield "condition", query.filtered(conditions=())
    if passing.min_price is not None:
        yield "min_price", query.filtered(min_price=None)
    if passing.max_price is not None:
        yield "max_price", query.filtered(max_price=None)
    if query.is_cheaper:
        yield "cheaper", query.changed(is_cheaper=False)
    if passing.colours:
        yield "colour", query.filtered(colours=())
    for code in passing.attributes:
        others = {other: values for other, values in passing.attributes.items() if other != code}
        yield f"{ATTRIBUTE}{code}", query.filtered(attributes=others)
