"""One plan for every query: candidates by words and by looks, fused, then ranked by named features."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from django.db.models import QuerySet
from numpy.typing import NDArray

from feira.core.errors import EncoderChanged, FeiraError
from feira.core.recommend import ranking
from feira.shop.listings.models import Listing
from feira.shop.search.asking import Asked, ByLooks, Nearest, asked_of, evidence_for, looks_for
from feira.shop.search.candidates import fused, nearest_listings
from feira.shop.search.evidence import features_from
from feira.shop.search.matching import MOST_BY_WORDS, WordMatches
from feira.shop.search.patience import patience
from feira.shop.search.query import SearchQuery
from feira.shop.search.ranker import weights
from feira.shop.search.selectors import Example, QueryPhoto
from feira.shop.search.similarity import similarity
from feira.shop.search.synonyms import expanded
from feira.shop.search.text_index import text_index
from feira.shop.search.words import Words

MOST_RANKED = 1_000
# What nobody calls by the words has to look like them more than five of six photos do; of what a filter leaves, the
# best few need only be better than chance, because it may leave none of those.
LEAST_DEVIATIONS = 1.0
BEST_OF_FILTERED = 24

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What answers a query.

    Attributes:
        passing: the results in no order.
        before_filter: what words and looks alone would leave.
        ranking: the ids in order of relevance, or None where the newest go first.
        parts: what each feature adds to the score of each in `ranking`, in the order of `FEATURES`.
        matches: what was found by words.
        is_by_looks: pictures were compared.
        is_unanswered: they should have been, and nobody could.
    """

    passing: QuerySet[Listing]
    before_filter: QuerySet[Listing]
    ranking: list[int] | None
    matches: WordMatches
    parts: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    is_by_looks: bool = False
    is_unanswered: bool = False


def find(query: SearchQuery, photo: QueryPhoto | None, examples: Mapping[int, Example], *, with_facets: bool) -> Found:
    """Answer a query in a number of database queries and requests to the engine that has a bound.

    Args:
        examples: those of the query's liked and disliked listings that may be used.
        with_facets: also look at what the filter leaves out.
    """
    asked = asked_of(query, photo, examples)
    if not query.has_relevance:
        return _newest(asked)
    by_looks, is_unanswered = _by_looks_if_answered(asked, with_facets=with_facets)
    if by_looks is None and not asked.words.wanted:
        return _newest(asked, is_unanswered=is_unanswered)
    pool = by_looks.pool if by_looks else list(asked.matches.passing)
    found = ranking.parts(features_from(evidence_for(asked, by_looks), pool), weights.get())
    order = ranking.order(found, np.array(pool, dtype=np.int64))
    ranked = [pool[place] for place in order]
    of_all = {*ranked, *asked.matches.of_all, *(_alike(asked, by_looks) if by_looks else ())}
    return Found(
        passing=_these(asked.passing, asked, asked.matches.passing, ranked),
        before_filter=_these(asked.everything, asked, asked.matches.of_all, of_all),
        ranking=ranked,
        matches=asked.matches,
        parts={pool[place]: found[place] for place in order},
        is_by_looks=by_looks is not None,
        is_unanswered=is_unanswered,
    )


def _newest(asked: Asked, *, is_unanswered: bool = False) -> Found:
    """Return what passes in no order of relevance: there are no wanted words, and nothing to compare with."""
    having, unwanted = text_index().having, expanded(Words(unwanted=asked.words.unwanted))
    passing, everything = having(asked.passing, unwanted), having(asked.everything, unwanted)
    return Found(passing, everything, None, asked.matches, is_unanswered=is_unanswered)


def _by_looks_if_answered(asked: Asked, *, with_facets: bool) -> tuple[ByLooks | None, bool]:
    """Return what looks like the query, and whether that should have been told but was not."""
    if patience.is_lost and not asked.query.has_examples:
        return None, True
    try:
        try:
            found = _by_looks(asked, with_facets=with_facets)
        except EncoderChanged:
            # Another encoder took over between two requests of this search: it answers the whole of it.
            found = _by_looks(asked, with_facets=with_facets)
    except FeiraError as error:
        # Away, restarting with another encoder, too busy: whatever it is, the words and the rest still answer.
        log.warning("search_by_looks_unanswered", reason=error.message)
        patience.note(answered=False)
        return None, True
    patience.note(answered=True)
    return found, False


def _by_looks(asked: Asked, *, with_facets: bool) -> ByLooks | None:
    """Return what looks like the query together with what has its words; None when the query looks like nothing.

    Raises:
        EngineUnavailable: nobody can compare pictures right now.
    """
    looks = looks_for(asked)
    if looks is None:
        return None
    unwanted = expanded(Words(unwanted=asked.words.unwanted))
    is_narrow, having = bool(asked.words.unwanted), text_index().having
    within = nearest_listings(looks, having(asked.passing, unwanted), is_narrow=is_narrow or asked.is_filtered)
    of_all = within
    if with_facets and asked.is_filtered:
        of_all = nearest_listings(looks, having(asked.everything, unwanted), is_narrow=is_narrow)
    by_row = [[listing_id for listing_id, _score in near] for near in within]
    pool = fused(asked.matches.passing, *by_row)[:MOST_RANKED]
    return _admitted(asked, ByLooks(Nearest(looks, within, of_all), pool, similarity(looks, pool)))


def _admitted(asked: Asked, by_looks: ByLooks) -> ByLooks:
    """Keep what has the words, what looks like the photo, and what looks like the words more than most things do."""
    nearest, pool, near = by_looks.nearest, by_looks.pool, by_looks.near
    if not nearest.looks.has_words:
        return by_looks
    sure = set(asked.matches.passing)
    alike = np.zeros(len(pool), bool)
    if not asked.query.is_strict:
        deviations = near.deviations()[:, -1]
        alike = deviations >= LEAST_DEVIATIONS
        *rows, by_words = nearest.passing
        sure |= {pk for row in rows for pk, _score in row}
        if asked.is_filtered and not asked.matches.passing:
            best = {pk for pk, _score in by_words[:BEST_OF_FILTERED]}
            alike |= (deviations >= 0) & np.array([pk in best for pk in pool], bool)
    kept = alike | np.array([pk in sure for pk in pool], bool)
    return ByLooks(nearest, [pk for pk, is_kept in zip(pool, kept, strict=True) if is_kept], near.only(kept))


def _alike(asked: Asked, by_looks: ByLooks) -> set[int]:
    """Return what would be found by its looks without the filter."""
    nearest, near = by_looks.nearest, by_looks.near
    if nearest.looks.has_words and asked.query.is_strict:
        return set()
    *rows, last = nearest.of_all
    least = near.mean[-1] + LEAST_DEVIATIONS * near.spread[-1] if nearest.looks.has_words else -np.inf
    return {pk for row in rows for pk, _cosine in row} | {pk for pk, cosine in last if cosine >= least}


def _these(
    listings: QuerySet[Listing], asked: Asked, matched: Sequence[int], ids: Collection[int]
) -> QuerySet[Listing]:
    """Return the results: by their numbers if those are all, which spares looking up the words again.

    Five counts per page look at what was found; each would cost as much as the search itself.
    """
    these = listings.filter(pk__in=list(ids))
    if len(matched) < MOST_BY_WORDS:
        return these
    return these | text_index().having(listings, expanded(asked.words))
