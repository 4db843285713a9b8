"""On which side of a split a listing stands; all its photos stand there together, and so do copies of them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from feira.core.datasets.splits import SplitPlan, SplitRow, boundaries_by_share
from feira.shop.datasets.asked import Split
from feira.shop.datasets.pseudonyms import seller_pseudonym
from feira.shop.datasets.selection import Chosen, listing_name
from feira.shop.listings.models import Listing, ListingPhoto

PHOTOS_AT_ONCE = 500

SideOf = Callable[[str], str | None]


def splitter(split: Split, chosen: Sequence[Chosen], secret: bytes) -> SideOf:
    """Return a function from a listing's name to its side, None when there is no split.

    Raises:
        InvalidSplit: by time, when the listings were published at too few different moments.
    """
    if split.by == "none":
        return lambda _listing: None
    boundaries: Sequence[datetime] = ()
    if split.by == "time":
        moments = {row.listing: row.published_at for row in _rows(chosen, secret) if row.published_at is not None}
        boundaries = boundaries_by_share(moments.values(), split.ratios)
    plan = SplitPlan(by=split.by, shares=split.ratios, seed=split.seed, boundaries=boundaries)
    return plan.assign(_rows(chosen, secret)).get


def _rows(chosen: Sequence[Chosen], secret: bytes) -> Iterator[SplitRow]:
    columns = ("listing_id", "listing__seller_id", "photo__digest", "listing__published_at")
    for start in range(0, len(chosen), PHOTOS_AT_ONCE):
        photo_ids = [each.photo_id for each in chosen[start : start + PHOTOS_AT_ONCE]]
        placed = ListingPhoto.objects.filter(photo_id__in=photo_ids, listing__state=Listing.State.LIVE).order_by()
        for listing_id, seller_id, digest, published_at in placed.values_list(*columns):
            yield SplitRow(listing_name(listing_id), seller_pseudonym(secret, seller_id), digest, published_at)
