"""Hearts on every card, wherever it is shown; imported once the apps are ready."""

from collections.abc import Sequence

from feira.shop.feed.selectors import liked_ids
from feira.shop.listings.marks import marker
from feira.shop.listings.selectors import Card
from feira.shop.photos.selectors import Visitor


@marker
def mark_liked(visitor: Visitor, cards: Sequence[Card]) -> None:
    """Mark what the visitor likes, in one query; guests like nothing yet."""
    if cards and visitor.is_authenticated:
        liked = liked_ids(visitor, [card["id"] for card in cards])
        for card in cards:
            card["liked"] = card["id"] in liked
