"""What accounts liked and opened, how it looks, and what may be recommended: what taste is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from numpy.typing import NDArray

from feira.core.recommend.interests import MOST_SIGNS, alike_from
from feira.core.types import Matrix
from feira.shop.accounts.models import Account
from feira.shop.feed.models import Like, Taste
from feira.shop.feedback.models import Click
from feira.shop.feedback.people import visitor_of_account
from feira.shop.listings.models import Listing, ListingPhoto
from feira.shop.listings.selectors import VISIBLE_STATES, live_listings
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import embeddings_of

SAMPLE = 512
# SQLite takes only so many values in one statement.
_IDS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Signs:
    """What one account liked and opened, the newest first, likes before what was opened; one entry per listing of each.

    Attributes:
        listing_ids: shape (n,), int64.
        liked: shape (n,): whether it has a heart, else it was opened.
        at_s: shape (n,): when, in seconds since 1970.
    """

    listing_ids: NDArray[np.int64]
    liked: NDArray[np.bool_]
    at_s: NDArray[np.float64]


class _Sign(NamedTuple):
    listing_id: int
    liked: bool
    at_s: float


def signs_of(account_ids: Sequence[int]) -> dict[int, Signs]:
    """Return what those of the accounts did who have taste: the newest `MOST_SIGNS` hearts and opened results of each.

    Left out are accounts that do not want to be known so, what was before the time since which it counts, own
    listings, and listings that are not shown any more. Three queries.
    """
    wanted = Account.objects.filter(pk__in=account_ids).exclude(taste=Account.Taste.OFF)
    since = dict(wanted.order_by("pk").values_list("pk", "taste_since"))
    found: dict[int, dict[tuple[int, bool], _Sign]] = {account_id: {} for account_id in since}
    for account_id, listing_id, at, seller in _newest_likes(since):
        if _counts(at, since[account_id]) and seller != account_id:
            found[account_id].setdefault((listing_id, True), _Sign(listing_id, True, at.timestamp()))
    of_visitor = {visitor_of_account(account_id): account_id for account_id in since}
    for visitor, listing_id, at, seller in _newest_clicks(of_visitor):
        account_id = of_visitor[visitor]
        if _counts(at, since[account_id]) and seller != account_id:
            found[account_id].setdefault((listing_id, False), _Sign(listing_id, False, at.timestamp()))
    return {account_id: _signs(list(signs.values())) for account_id, signs in found.items() if signs}


def _newest_likes(accounts: Iterable[int]) -> QuerySet[Like, tuple[int, int, datetime, int | None]]:
    likes = Like.objects.filter(account__in=list(accounts), listing__state__in=VISIBLE_STATES)
    place = Window(RowNumber(), partition_by=F("account"), order_by="-id")
    rows = likes.annotate(place=place).filter(place__lte=MOST_SIGNS).order_by("account", "-id")
    return rows.values_list("account_id", "listing_id", "created_at", "listing__seller__account_id")


def _newest_clicks(visitors: Iterable[str]) -> QuerySet[Click, tuple[str, int, datetime, int | None]]:
    clicks = Click.objects.filter(visitor__in=list(visitors), listing__state__in=VISIBLE_STATES)
    place = Window(RowNumber(), partition_by=F("visitor"), order_by=("-at", "-id"))
    rows = clicks.annotate(place=place).filter(place__lte=MOST_SIGNS).order_by("visitor", "-at", "-id")
    return rows.values_list("visitor", "listing_id", "at", "listing__seller__account_id")


def _counts(at: datetime, since: datetime | None) -> bool:
    return since is None or at > since


def _signs(signs: Sequence[_Sign]) -> Signs:
    return Signs(
        np.array([sign.listing_id for sign in signs], dtype=np.int64),
        np.array([sign.liked for sign in signs], dtype=np.bool_),
        np.array([sign.at_s for sign in signs], dtype=np.float64),
    )


def covers_seen(listing_ids: Iterable[int], encoder_id: str) -> tuple[NDArray[np.int64], Matrix]:
    """Return those of the listings whose cover this encoder has seen, ascending, and its rows.

    The cover speaks for the listing: it is what people saw when they liked the card.
    """
    ids = sorted(set(listing_ids))
    covers: list[tuple[int, int]] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = Listing.objects.filter(pk__in=ids[start : start + _IDS_AT_ONCE], cover__isnull=False)
        covers += some.order_by("pk").values_list("pk", "cover_id")
    return rows_of_covers(covers, encoder_id)


def rows_of_covers(covers: Sequence[tuple[int, int]], encoder_id: str) -> tuple[NDArray[np.int64], Matrix]:
    """Return the listings of (listing, photo) pairs whose photo this encoder has seen, and the rows of the photos."""
    photo_ids, rows = embeddings_of([photo_id for _listing_id, photo_id in covers], encoder_id)
    place_of = {photo_id: place for place, photo_id in enumerate(photo_ids)}
    seen = [(listing_id, place_of[photo_id]) for listing_id, photo_id in covers if photo_id in place_of]
    listings = np.array([listing_id for listing_id, _place in seen], dtype=np.int64)
    return listings, rows[[place for _listing_id, place in seen]] if seen else rows


@dataclass(frozen=True, slots=True)
class ForSale:
    """A live listing that may be recommended: who offers it, and the account behind that seller, if there is one."""

    listing_id: int
    seller_id: int
    owner_id: int | None


def for_sale_on(photo_ids: Iterable[int]) -> dict[int, ForSale]:
    """Map photos to the live listings they stand on."""
    ids = sorted(set(photo_ids))
    found: dict[int, ForSale] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        live = live_listings().order_by().filter(pk=OuterRef("listing_id"))
        placed = ListingPhoto.objects.filter(Exists(live), photo__in=ids[start : start + _IDS_AT_ONCE]).order_by()
        columns = ("photo_id", "listing_id", "listing__seller_id", "listing__seller__account_id")
        found |= {photo_id: ForSale(*facts) for photo_id, *facts in placed.values_list(*columns)}
    return found


def alike_for(encoder_id: str) -> float:
    """Return from which cosine on things are of a kind for this encoder, told from a sample spread over all photos.

    The same photos give the same answer.
    """
    first, last = Photo.objects.order_by("pk").first(), Photo.objects.order_by("pk").last()
    ends = (first.pk, last.pk) if first and last else (0, 0)
    numbers = np.unique(np.linspace(*ends, SAMPLE).astype(np.int64)).tolist()
    return alike_from(embeddings_of(numbers, encoder_id)[1])


def people_with_taste() -> QuerySet[Account]:
    """List the accounts for which taste is kept or can be made of hearts, by number."""
    counts = Q(account__taste_since__isnull=True) | Q(created_at__gt=OuterRef("taste_since"))
    hearts = Like.objects.filter(counts, account=OuterRef("pk"))
    kept = Taste.objects.filter(pk=OuterRef("pk"))
    return Account.objects.exclude(taste=Account.Taste.OFF).filter(Exists(hearts) | Exists(kept)).order_by("pk")


def drifted(
    people: QuerySet[Account], *, encoder_id: str, settings_version: int, oldest: datetime
) -> QuerySet[Account]:
    """List those of the people whose row is missing, older, by another encoder or settings, or misses a heart."""
    missed = Like.objects.filter(account=OuterRef("account_id"), created_at__gt=OuterRef("updated_at"))
    true = Taste.objects.filter(
        ~Exists(missed),
        pk=OuterRef("pk"),
        encoder_id=encoder_id,
        settings_version=settings_version,
        updated_at__gte=oldest,
    )
    return people.filter(~Exists(true))
