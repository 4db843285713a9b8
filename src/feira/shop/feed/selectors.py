"""Questions about what belongs beside what, and who likes what."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from feira.core.recommend.neighbours import unpack
from feira.shop.accounts.models import Account
from feira.shop.feed.models import Like, NeighbourList
from feira.shop.listings.models import Listing, ListingPhoto
from feira.shop.listings.selectors import PAGE_SIZE, VISIBLE_STATES, Card, cards_in_order, live_listings, stands_in
from feira.shop.web.cursors import InvalidCursor, Page, decode_cursor, encode_cursor

SHOWN = 12


def similar_listings(listing_id: int, count: int = SHOWN) -> list[Card]:
    """Return the cards of the live listings that look most like this one, best first.

    One indexed read and one query for the cards, whatever the catalogue's size; no model and no engine is asked.
    """
    packed = NeighbourList.objects.filter(pk=listing_id).values_list("packed", flat=True).first()
    if packed is None:
        return []
    # What was sold a moment ago is passed over, so a few more are read than shown.
    return cards_in_order([other for other, _score in unpack(bytes(packed))[: count + 4]])[:count]


def liked_ids(account: Account, listing_ids: Sequence[int]) -> set[int]:
    """Return those of the listings that this account likes."""
    return set(Like.objects.filter(account=account, listing__in=listing_ids).values_list("listing_id", flat=True))


def liked_cards(account: Account, cursor: str | None = None) -> Page[Card]:
    """Return one page of what an account likes, the last liked first; sold listings stay, withdrawn ones do not.

    Raises:
        InvalidCursor: the cursor is damaged or belongs to another list.
    """
    liked = Like.objects.filter(account=account, listing__state__in=VISIBLE_STATES)
    if cursor:
        liked = liked.filter(pk__lt=_last_like(cursor))
    rows = list(liked.order_by("-pk").values_list("pk", "listing_id")[: PAGE_SIZE + 1])
    page = rows[:PAGE_SIZE]
    cards = cards_in_order(
        [listing_id for _like, listing_id in page], among=Listing.objects.filter(state__in=VISIBLE_STATES)
    )
    for card in cards:
        card["liked"] = True
    return Page(cards, encode_cursor("liked", page[-1][0]) if len(rows) > PAGE_SIZE else None)


def _last_like(cursor: str) -> int:
    made_for, last = decode_cursor(cursor, length=2)
    if made_for != "liked" or not isinstance(last, int):
        raise InvalidCursor("The cursor belongs to another list. Start again from the first page.")
    return last


def photos_on_listings(listing_ids: Sequence[int]) -> dict[int, int]:
    """Map the photos of those of the listings that are live to the listing they stand on."""
    placed = ListingPhoto.objects.filter(stands_in(live_listings(), "listing_id"), listing__in=listing_ids)
    return dict(placed.order_by().values_list("photo_id", "listing_id"))


def listings_not_seen_by(encoder_id: str, *, most: int | None, after: int = 0) -> list[int]:
    """Return live listings above `after` whose neighbours this encoder has not found, by id."""
    made = NeighbourList.objects.filter(listing_id=OuterRef("pk"), encoder_id=encoder_id)
    found = live_listings().filter(~Exists(made), pk__gt=after).order_by("pk")
    return list(found.values_list("pk", flat=True)[:most])


def listings_gone_with(photo_ids: Sequence[int]) -> list[int]:
    """Return the listings these photos stand on that are not live, by id."""
    gone = Listing.objects.exclude(state=Listing.State.LIVE).filter(listing_photos__photo__in=photo_ids)
    return sorted(set(gone.values_list("pk", flat=True)))


def neighbours_of(listing_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the stored neighbours of these listings, best first, for those that have a list."""
    rows = NeighbourList.objects.filter(pk__in=listing_ids).values_list("pk", "packed")
    return {pk: [other for other, _score in unpack(bytes(packed))] for pk, packed in rows}
