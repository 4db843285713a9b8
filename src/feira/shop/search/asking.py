"""A query with everything that has to be looked up for it, before and after pictures are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import QuerySet

from feira.core.recommend.neighbours import Scored
from feira.shop.feedback.keys import query_key
from feira.shop.feedback.selectors import signal_for
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.search.evidence import Evidence
from feira.shop.search.looks import Examples, Looks, looks_of
from feira.shop.search.matching import WordMatches, match_words
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import Example, QueryPhoto
from feira.shop.search.similarity import Similarity
from feira.shop.search.words import Words

# Feedback weaker than this is a single voice; it moves one listing, not the whole query.
LEAST_SIGNAL = 0.4


@dataclass(frozen=True, slots=True)
class Asked:
    """A query with everything that was looked up for it.

    Attributes:
        words: what is searched for in the end, and what is left out.
        everything: live listings but those that are known to be unwanted.
        passing: those that also pass the filter; the same object when there is none.
    """

    query: SearchQuery
    words: Words
    matches: WordMatches
    photo: QueryPhoto | None
    examples: Mapping[int, Example]
    everything: QuerySet[Listing]
    passing: QuerySet[Listing]
    said: Mapping[int, float]

    @property
    def is_filtered(self) -> bool:
        """Whether some of what is live may not pass."""
        return self.passing is not self.everything


@dataclass(frozen=True, slots=True)
class Nearest:
    """What looks like the query, for each row of its looks: among what passes the filter, and whatever the filter."""

    looks: Looks
    passing: list[list[Scored]]
    of_all: list[list[Scored]]


@dataclass(frozen=True, slots=True)
class ByLooks:
    """Candidates that look like the query or have its words, and how near they are."""

    nearest: Nearest
    pool: list[int]
    near: Similarity


def filter_of(query: SearchQuery, photo: QueryPhoto | None) -> ListingFilter:
    """Return the query's filter; “cheaper” is a price below that of its picture's listing, or of what looks like it."""
    if not query.is_cheaper or photo is None or photo.price is None:
        return query.passing
    below = max(photo.price - Decimal("0.01"), Decimal(0))
    most = query.passing.max_price
    return replace(query.passing, max_price=below if most is None else min(most, below))


def asked_of(query: SearchQuery, photo: QueryPhoto | None, examples: Mapping[int, Example]) -> Asked:
    """Look up what a query needs before pictures are compared: its words, and what people said about its results."""
    filtered = filter_of(query, photo)
    everything = passing = _but_known(live_listings(), query)
    if is_filtered := not filtered.is_empty():
        passing = _but_known(live_listings(filtered), query)
    matches = match_words(
        query.words, everything=everything, passing=passing, is_filtered=is_filtered, is_strict=query.is_strict
    )
    key = query_key(query.text, photo_id=query.photo_id, listing_id=query.listing_id)
    said = signal_for(key) if key else {}
    return Asked(query, matches.words, matches, photo, examples, everything, passing, said)


def _but_known(listings: QuerySet[Listing], query: SearchQuery) -> QuerySet[Listing]:
    """Leave out what is known to be unwanted, and the listing whose looks are asked for: who asks knows it."""
    known = [*query.unlike, *([query.listing_id] if query.photo_id is None and query.listing_id is not None else [])]
    return listings.exclude(pk__in=known) if known else listings


def looks_for(asked: Asked) -> Looks | None:
    """Return what the query looks like, None when nothing says so; see `looks_of`.

    Words that were passed over still say what is meant: a picture may show what no title names.
    """
    words = replace(asked.words, wanted=(*asked.words.wanted, *asked.matches.dropped))
    strong = {listing_id: value for listing_id, value in asked.said.items() if abs(value) >= LEAST_SIGNAL}
    covers = dict(live_listings().filter(pk__in=strong).values_list("pk", "cover_id")) if strong else {}
    query, known = asked.query, asked.examples
    moving = Examples(
        liked=tuple(known[one].photo_id for one in query.like if one in known),
        disliked=tuple(known[one].photo_id for one in query.unlike if one in known),
        said={covers[pk]: value for pk, value in strong.items() if covers.get(pk) is not None},
    )
    return looks_of(query, words, asked.photo, moving)


def evidence_for(asked: Asked, by_looks: ByLooks | None) -> Evidence:
    """Return what is known about candidates, once pictures were compared or could not be."""
    query, matches = asked.query, asked.matches
    has_both = by_looks is not None and query.has_examples and bool(asked.words.wanted)
    return Evidence(
        words=matches.words,
        matches=matches.passing,
        share=matches.share,
        # At an even balance words count as much beside a photo as they do alone, and the photo likewise.
        words_count=min(1.0, 2 * (1 - query.balance / 100)) if has_both else 1.0,
        likeness=by_looks.near.likeness(by_looks.nearest.looks.shares) if by_looks else None,
        said=asked.said,
    )
