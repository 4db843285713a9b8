"""What rooms above the listings write on cards, such as hearts, without the listings knowing those rooms."""

from collections.abc import Callable, Sequence

from feira.shop.listings.selectors import Card
from feira.shop.photos.selectors import Visitor

Marker = Callable[[Visitor, Sequence[Card]], None]

_markers: list[Marker] = []


def marker(mark: Marker) -> Marker:
    """Let a function write on every page of cards before it is shown; it may make one query."""
    if mark not in _markers:
        _markers.append(mark)
    return mark


def marked(visitor: Visitor, cards: list[Card]) -> list[Card]:
    """Return the cards with what this visitor is to see on them."""
    for mark in _markers:
        mark(visitor, cards)
    return cards
