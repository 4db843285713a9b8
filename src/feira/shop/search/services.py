"""Answering a query, and taking a photo to search with."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.db.models import QuerySet

from feira.core.errors import FeiraError
from feira.shop.accounts.models import Account
from feira.shop.listings.facets import Facet, PriceRange, facets_of, price_range
from feira.shop.listings.marks import marked
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import PAGE_SIZE, Card, cards_in_order, live_listings, page_of_cards
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import Visitor
from feira.shop.photos.services import take_photo
from feira.shop.search.candidates import fused, nearest_listings, query_vector
from feira.shop.search.query import RELEVANCE, SearchQuery
from feira.shop.search.selectors import QueryPhoto, Searcher, query_photo
from feira.shop.search.text_index import text_index
from feira.shop.search.typos import corrected, vocabulary
from feira.shop.search.words import Words
from feira.shop.web.cursors import InvalidCursor, Page, decode_cursor, encode_cursor

MOST_BY_WORDS = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """One page of results and what is to be said about all of them.

    Attributes:
        total: of listings found; with a photo, of the most similar ones that are ordered at all.
        did_you_mean: the words that were searched for in place of what was typed, None when nothing was changed.
        photo: what the query's photo is, None without one.
        is_photo_unanswered: nobody could compare photos, so the words alone (or nothing but the filter) decided.
        facets, price: empty and None unless asked for.
    """

    query: SearchQuery
    cards: list[Card]
    next_cursor: str | None
    total: int
    took_ms: float
    did_you_mean: str | None = None
    photo: QueryPhoto | None = None
    is_photo_unanswered: bool = False
    facets: Sequence[Facet] = ()
    price: PriceRange | None = None


@dataclass(frozen=True, slots=True)
class _Matched:
    """What answers a query: `ranking` in order of relevance, or None where the newest go first.

    `passing` are the results in no order, `before_filter` what words and photo alone would leave.
    """

    passing: QuerySet[Listing]
    before_filter: QuerySet[Listing]
    ranking: list[int] | None
    words: Words


def search_listings(
    query: SearchQuery, searcher: Searcher, *, size: int = PAGE_SIZE, with_facets: bool = True
) -> SearchAnswer:
    """Answer a query with one page, in a number of database queries that does not depend on the catalogue's size.

    Words that nobody used are replaced by the nearest that somebody did when nothing is found without.

    Raises:
        PhotoNotFound: the query's photo is not this visitor's to use.
        InvalidCursor: the page belongs to another order.
    """
    started = time.perf_counter()
    photo = query_photo(query, searcher)
    by_photo: tuple[list[int], list[int]] | None = None
    is_unanswered = False
    if photo is not None:
        try:
            by_photo = _by_photo(query, photo)
        except FeiraError as error:
            # Away, restarting with another encoder, too busy: whatever it is, the words and the rest still answer.
            log.warning("photo_search_unanswered", reason=error.message)
            is_unanswered = True
    matched = _matched(query, by_photo)
    page = _page(query, matched, size)
    return SearchAnswer(
        query=query,
        cards=marked(searcher.visitor, page.rows),
        next_cursor=page.next_cursor,
        total=_total(matched),
        did_you_mean=matched.words.text if matched.words != query.words else None,
        photo=photo,
        is_photo_unanswered=is_unanswered,
        facets=facets_of(matched.before_filter, query.passing) if with_facets else (),
        price=price_range(matched.before_filter, query.passing) if with_facets else None,
        took_ms=(time.perf_counter() - started) * 1000,
    )


def take_query_photo(*, content: bytes, visitor: Visitor) -> Photo:
    """Keep a photo to search with; it stands on no listing and is shown to nobody else.

    Raises:
        InvalidImage: the bytes are not a photo we can take; nothing is stored.
    """
    return take_photo(content=content, owner=visitor if isinstance(visitor, Account) else None)


def _by_photo(query: SearchQuery, photo: QueryPhoto) -> tuple[list[int], list[int]]:
    """Return the nearest listings that pass the filter, and the nearest of all: their facets show the other choices."""
    vector, unwanted = query_vector(photo), Words(unwanted=query.words.unwanted)

    def allowed(listings: QuerySet[Listing]) -> QuerySet[Listing]:
        # Who asks for what looks like a listing knows that listing.
        if query.photo_id is None and query.listing_id is not None:
            listings = listings.exclude(pk=query.listing_id)
        return text_index().having(listings, unwanted)

    nearest = nearest_listings(vector, allowed(live_listings()), is_narrow=bool(unwanted))
    if query.passing.is_empty():
        return nearest, nearest
    return nearest_listings(vector, allowed(live_listings(query.passing)), is_narrow=True), nearest


def _matched(query: SearchQuery, by_photo: tuple[list[int], list[int]] | None) -> _Matched:
    index, words = text_index(), query.words
    everything, passing = live_listings(), live_listings(query.passing)
    by_words: list[int] = []
    if words.wanted:
        by_words = index.best(passing, words, most=MOST_BY_WORDS)
        better = words if by_words else corrected(words, vocabulary.get())
        # The words may be there and only the filter have left nothing: then there is nothing to correct.
        if better != words and (found := index.best(passing, better, most=MOST_BY_WORDS)):
            words, by_words = better, found
    if words.wanted and not query.passing.is_empty():
        of_all = index.best(everything, words, most=MOST_BY_WORDS)
    else:
        of_all = by_words
    if by_photo is None:
        ranking = by_words if words.wanted else None
        return _Matched(_having(passing, words, by_words), _having(everything, words, of_all), ranking, words)
    nearest, nearest_of_all = by_photo
    ranking = fused(by_words, nearest) if words.wanted else nearest
    before = everything.filter(pk__in={*nearest, *nearest_of_all})
    if words.wanted:
        before = before | _having(everything, words, of_all)
    return _Matched(passing.filter(pk__in=ranking), before, ranking, words)


def _having(listings: QuerySet[Listing], words: Words, best: list[int]) -> QuerySet[Listing]:
    """Return those with the words: the best ones by id if that is all of them, which spares looking up the words again.

    Five counts per page look at what was found; each would cost as much as the search itself.
    """
    if words.wanted and len(best) < MOST_BY_WORDS:
        return listings.filter(pk__in=best)
    return text_index().having(listings, words)


def _page(query: SearchQuery, matched: _Matched, size: int) -> Page[Card]:
    if query.sort != RELEVANCE or matched.ranking is None:
        sort = "newest" if query.sort == RELEVANCE else query.sort
        return page_of_cards(matched.passing, sort=sort, cursor=query.after or None, size=size)
    start = _start(query.after, matched.ranking)
    ids = matched.ranking[start : start + size]
    more = len(matched.ranking) > start + size
    cards = cards_in_order(ids, among=live_listings())
    return Page(cards, encode_cursor(RELEVANCE, start + size, ids[-1]) if more else None)


def _start(after: str, ranking: list[int]) -> int:
    """Return where the next page starts: behind the last listing shown, wherever it stands by now."""
    if not after:
        return 0
    made_for, offset, last = decode_cursor(after, length=3)
    if made_for != RELEVANCE or not isinstance(offset, int) or offset < 0:
        raise InvalidCursor("The cursor belongs to another order. Start again from the first page.")
    return ranking.index(last) + 1 if last in ranking else offset


def _total(matched: _Matched) -> int:
    if matched.ranking is not None and len(matched.ranking) < MOST_BY_WORDS:
        return len(matched.ranking)
    return matched.passing.count()
