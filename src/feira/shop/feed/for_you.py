"""What is recommended to somebody, read from their row: no model and no engine is asked."""

from dataclasses import dataclass
from datetime import datetime

from feira.core.recommend.interests import Interests
from feira.core.recommend.sharing import LIKED, MOST, unpack_recommended
from feira.shop.accounts.models import Account
from feira.shop.feed.models import Taste
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import VISIBLE_STATES, Card, cards_in_order
from feira.shop.photos.selectors import Visitor


@dataclass(frozen=True, slots=True)
class ForYou:
    """A live listing that is recommended, and the listing that explains it.

    Attributes:
        because: what somebody liked or opened; None when it is not shown any more.
        is_liked: whether it was liked, else it was opened.
    """

    card: Card
    because: Card | None
    is_liked: bool


def recommended_to(visitor: Visitor, most: int = MOST) -> list[ForYou]:
    """Return what is recommended to somebody, best first: two queries, and none for those without taste."""
    if not isinstance(visitor, Account) or visitor.taste != Account.Taste.KEPT:
        return []
    packed = Taste.objects.filter(pk=visitor.pk).values_list("recommended", flat=True).first()
    # What was sold a moment ago is passed over, so a few more are read than shown.
    entries = unpack_recommended(bytes(packed or b""))[: most + 4]
    numbers = dict.fromkeys(number for each in entries for number in (each.listing_id, each.because))
    shown = cards_in_order(list(numbers), among=Listing.objects.filter(state__in=VISIBLE_STATES)) if numbers else []
    cards = {card["id"]: card for card in shown}
    return [
        ForYou(cards[each.listing_id], cards.get(each.because), each.kind == LIKED)
        for each in entries
        if each.listing_id in cards and cards[each.listing_id]["state"] == Listing.State.LIVE
    ][:most]


@dataclass(frozen=True, slots=True)
class TasteKnown:
    """What is known of somebody's taste, for themselves."""

    is_wanted: bool
    interests: int
    recommended: int
    updated_at: datetime | None
    since: datetime | None


def taste_known_of(account: Account) -> TasteKnown:
    """Return what is known of an account's taste; one query."""
    row = Taste.objects.filter(pk=account.pk).values("interests", "recommended", "updated_at").first()
    is_wanted = account.taste != Account.Taste.OFF
    if row is None:
        return TasteKnown(is_wanted, 0, 0, None, account.taste_since)
    interests = len(Interests.unpack(bytes(row["interests"])))
    recommended = len(unpack_recommended(bytes(row["recommended"])))
    return TasteKnown(is_wanted, interests, recommended, row["updated_at"], account.taste_since)
