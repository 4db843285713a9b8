"""What an uploaded photo is likely to show and to cost, told by the listings that look most like it.

An upload stands on no listing, so that it has neither a price to be cheaper than nor a category to stay in. What looks
like it has both.
"""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from statistics import median

import structlog

from feira.core.errors import FeiraError
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import live_listings
from feira.shop.search.candidates import nearest_listings
from feira.shop.search.looks import look_of
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import QueryPhoto
from feira.shop.search.similarity import similarity

MOST_ALIKE = 24
# Fewer are chance, not a price that things like it have.
LEAST_ALIKE = 3
# Nearer than five of six photos of the shop.
LEAST_DEVIATIONS = 1.0
CENT = Decimal("0.01")

log = structlog.get_logger(__name__)


def told_by_likeness(photo: QueryPhoto | None, query: SearchQuery) -> QueryPhoto | None:
    """Return an upload with the price and the kind of what looks like it, where the query asks to change something.

    The kind is the category that more than half of these listings have; the price is the middle one of the listings of
    that kind, or of all where no kind prevails. A photo of a listing has its own and comes back as it is, and so does
    one that nothing resembles, or that nobody can compare right now.
    """
    if photo is None or photo.is_placed or not (query.is_cheaper or query.but):
        return photo
    try:
        alike = _listings_like(photo, query)
    except FeiraError as error:
        log.warning("photo_not_judged_by_likeness", reason=error.message)
        return photo
    if len(alike) < LEAST_ALIKE:
        return photo
    (kind, times), *_others = Counter(category for category, _price in alike).most_common()
    if times * 2 <= len(alike):
        kind = ""
    prices = [price for category, price in alike if kind in {"", category}]
    if len(prices) < LEAST_ALIKE:
        return replace(photo, kind=kind)
    return replace(photo, kind=kind, price=median(prices).quantize(CENT), alike=len(prices))


def _listings_like(photo: QueryPhoto, query: SearchQuery) -> list[tuple[str, Decimal]]:
    """Return category and price of the listings that look most like a photo and more so than most do."""
    looks = look_of(photo, query.crop)
    (near,) = nearest_listings(looks, live_listings(), is_narrow=False)
    ids = [listing_id for listing_id, _score in near[:MOST_ALIKE]]
    if not ids:
        return []
    deviations = similarity(looks, ids).deviations()[:, 0]
    alike = [pk for pk, nearer in zip(ids, deviations.tolist(), strict=True) if nearer >= LEAST_DEVIATIONS]
    rows = Listing.objects.filter(pk__in=alike).values_list("category__name", "price")
    return list(rows.order_by("pk"))
