"""Answering a query, and taking a photo to search with."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from feira.shop.accounts.models import Account
from feira.shop.feedback.keys import query_key
from feira.shop.feedback.people import Person
from feira.shop.feedback.services import record_search
from feira.shop.listings.facets import Facet, PriceRange, facets_of, price_range
from feira.shop.listings.marks import marked
from feira.shop.listings.selectors import PAGE_SIZE, Card, cards_in_order, live_listings, page_of_cards
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import Visitor
from feira.shop.photos.services import take_photo
from feira.shop.search.alike import told_by_likeness
from feira.shop.search.asking import filter_of
from feira.shop.search.finding import MOST_RANKED, Found, find
from feira.shop.search.query import RELEVANCE, SearchQuery
from feira.shop.search.relaxing import Relaxation, without_one_filter
from feira.shop.search.selectors import Example, QueryPhoto, Searcher, examples_visible_to, query_photo
from feira.shop.web.cursors import InvalidCursor, Page, decode_cursor, encode_cursor


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """One page of results and what is to be said about all of them.

    Attributes:
        total: of listings found; when pictures were compared, of those that are ordered at all.
        did_you_mean: the words that were searched for in place of what was typed, None when nothing was changed.
        relaxed: what of the query was passed over, because nothing answers the whole of it.
        photo: what the query's photo is, None without one; an upload is told by what looks like it where that counts.
        examples: the liked and disliked listings that could be used.
        is_by_looks: pictures were compared, with the photo or with what the words mean.
        is_unanswered: they should have been, and nobody could; the rest of the query decided.
        has_words: whether any result has the words; those that do not only look like them.
        parts: what each feature adds to the score of each listing on this page, in the order of `FEATURES`.
        first_position: place of the first card among all results, from 1; None when nobody counted.
        facets, price: empty and None unless asked for.
    """

    query: SearchQuery
    cards: list[Card]
    next_cursor: str | None
    total: int
    took_ms: float
    did_you_mean: str | None = None
    relaxed: Relaxation = field(default_factory=Relaxation)
    photo: QueryPhoto | None = None
    examples: Mapping[int, Example] = field(default_factory=dict)
    is_by_looks: bool = False
    is_unanswered: bool = False
    has_words: bool = True
    parts: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    first_position: int | None = 1
    facets: Sequence[Facet] = ()
    price: PriceRange | None = None

    @property
    def key(self) -> str:
        """Under which name people judge this query's results; empty when nothing is asked for."""
        return query_key(self.query.text, photo_id=self.query.photo_id, listing_id=self.query.listing_id)

    @property
    def is_photo_unanswered(self) -> bool:
        """Whether there is a photo that nobody could compare."""
        return self.is_unanswered and self.query.has_examples


def search_listings(
    query: SearchQuery, searcher: Searcher, *, size: int = PAGE_SIZE, with_facets: bool = True
) -> SearchAnswer:
    """Answer a query with one page, in a number of database queries that does not depend on the catalogue's size.

    Words that nobody used are replaced by the nearest that somebody did when nothing is found without. When nothing
    answers the whole query, its rarest words are passed over, or the filter that leaves nothing; `relaxed` says so.

    Raises:
        PhotoNotFound: the query's photo is not this visitor's to use.
        InvalidCursor: the page belongs to another order.
    """
    started = time.perf_counter()
    photo = told_by_likeness(query_photo(query, searcher), query)
    examples = examples_visible_to(searcher, (*query.like, *query.unlike))
    found = find(query, photo, examples, with_facets=with_facets)
    wider, let_go = query, tuple[str, ...]()
    if _is_empty(found) and not query.is_strict and not query.is_unfiltered:
        wider, let_go = without_one_filter(query, photo, found)
        found = find(wider, photo, examples, with_facets=with_facets)
    page, first = _page(query, found, size)
    matches = found.matches
    passing = filter_of(wider, photo)
    return SearchAnswer(
        query=query,
        cards=marked(searcher.visitor, page.rows),
        next_cursor=page.next_cursor,
        total=_total(found),
        did_you_mean=replace(matches.words, wanted=(*matches.words.wanted, *matches.dropped)).text
        if matches.is_corrected
        else None,
        relaxed=Relaxation(tuple(term.text for term in matches.dropped), let_go if page.rows else ()),
        photo=photo,
        examples=examples,
        is_by_looks=found.is_by_looks,
        is_unanswered=found.is_unanswered,
        has_words=bool(matches.passing) or not matches.words.wanted,
        parts={card["id"]: found.parts[card["id"]] for card in page.rows if card["id"] in found.parts},
        first_position=first,
        facets=facets_of(found.before_filter, passing) if with_facets else (),
        price=price_range(found.before_filter, passing) if with_facets else None,
        took_ms=(time.perf_counter() - started) * 1000,
    )


def note_search(answer: SearchAnswer, person: Person) -> None:
    """Write down what was shown for a query, unless nobody knows at which places it stands."""
    if answer.first_position is None:
        return
    query = answer.query
    record_search(
        key=answer.key,
        text=query.text,
        listing_ids=[card["id"] for card in answer.cards],
        total=answer.total,
        took_ms=answer.took_ms,
        person=person,
        first_position=answer.first_position,
    )


def take_query_photo(*, content: bytes, visitor: Visitor) -> Photo:
    """Keep a photo to search with; it stands on no listing and is shown to nobody else.

    Raises:
        InvalidImage: the bytes are not a photo we can take; nothing is stored.
    """
    return take_photo(content=content, owner=visitor if isinstance(visitor, Account) else None)


def _is_empty(found: Found) -> bool:
    return not found.ranking if found.ranking is not None else not found.passing.exists()


def _page(query: SearchQuery, found: Found, size: int) -> tuple[Page[Card], int | None]:
    """Return a page and the place of its first card."""
    if query.sort != RELEVANCE or found.ranking is None:
        sort = "newest" if query.sort == RELEVANCE else query.sort
        page = page_of_cards(found.passing, sort=sort, cursor=query.after or None, size=size)
        return page, None if query.after else 1
    start = _start(query.after, found.ranking)
    ids = found.ranking[start : start + size]
    more = len(found.ranking) > start + size
    cards = cards_in_order(ids, among=live_listings())
    return Page(cards, encode_cursor(RELEVANCE, start + size, ids[-1]) if more else None), start + 1


def _start(after: str, ranking: list[int]) -> int:
    """Return where the next page starts: behind the last listing shown, wherever it stands by now."""
    if not after:
        return 0
    made_for, offset, last = decode_cursor(after, length=3)
    if made_for != RELEVANCE or not isinstance(offset, int) or offset < 0:
        raise InvalidCursor("The cursor belongs to another order. Start again from the first page.")
    return ranking.index(last) + 1 if last in ranking else offset


def _total(found: Found) -> int:
    if found.ranking is not None and len(found.ranking) < MOST_RANKED:
        return len(found.ranking)
    return found.passing.count()
