"""What search does before another encoder takes over: teach it words, and compare its answers with the live one's.

Both by looks alone, for that is all that an encoder decides: queries as words that meet pictures, listings by the best
of their photos.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import Count

from feira.core.errors import NoTextSide
from feira.core.evaluation.bootstrap import paired_bootstrap
from feira.core.evaluation.metrics import ndcg_at_k
from feira.core.recommend.neighbours import group_by_listing
from feira.core.types import Matrix
from feira.shop.feedback.models import JudgedQuery, Judgement, SearchLog
from feira.shop.learning.services import LEAST_QUERIES
from feira.shop.listings.models import ListingPhoto
from feira.shop.listings.selectors import listing_of_photos
from feira.shop.photos.comparison import compares, prepares
from feira.shop.photos.engine import engine
from feira.shop.search.bridging import refit_bridge

MOST_QUERIES = 200
BEST = 10
HITS = 60
QUERIES_AT_ONCE = 50
# The engine looks for a new bridge every second.
LEARNS_WITHIN_S = 5.0


@prepares
def teach_words(encoder_id: str) -> None:
    """Fit the bridge from words to the pictures of an encoder that is about to take over, behind the gate."""
    refit_bridge(encoder_id=encoder_id)


@compares("queries")
def answers_to_queries(live_id: str, candidate_id: str) -> dict[str, Any] | None:
    """Compare the ten best listings for what people typed most; overlap@10 is the mean share that both find.

    An encoder that cannot be asked in words, where the live one can, is worse: pictures would no longer answer.
    """
    texts = _typed_most()
    if not texts:
        return None
    theirs = _asked(texts, live_id)
    if theirs is None:
        return None
    ours = _asked(texts, candidate_id)
    if ours is None:
        return {"sample": len(texts), "reads_words": False, "worse": True}
    shares = [
        len({*a[:BEST]} & {*b[:BEST]}) / min(BEST, max(len(a), len(b)))
        for a, b in zip(theirs, ours, strict=True)
        if a or b
    ]
    return {"sample": len(shares), "overlap_at_10": round(float(np.mean(shares)), 4)} if shares else None


@compares("judged")
def judged_queries(live_id: str, candidate_id: str) -> dict[str, Any] | None:
    """Compare nDCG@10 on queries of which people called listings right and wrong; ranked are the judged listings alone.

    The candidate is worse when the whole 95 % interval of the paired difference is below zero, over as many queries as
    the gate asks for: the interval of a single one is a point, and anybody's thumb would decide.
    """
    opinions = _opinions()
    if not opinions:
        return None
    texts = list(opinions)
    theirs, ours = _asked(texts, live_id, opinions), _asked(texts, candidate_id, opinions)
    if theirs is None or ours is None:
        return None
    before, after = (
        [ndcg_at_k(ranked, _liked(opinions[text]), BEST) for text, ranked in zip(texts, every, strict=True)]
        for every in (theirs, ours)
    )
    compared = paired_bootstrap(before, after)
    return {
        "queries": compared.queries,
        "ndcg_at_10_live": round(compared.mean_before, 4),
        "ndcg_at_10_candidate": round(compared.mean_after, 4),
        "gain": round(compared.gain, 4),
        "low": round(compared.low, 4),
        "high": round(compared.high, 4),
        "worse": compared.queries >= LEAST_QUERIES and compared.high < 0,
    }


def _typed_most() -> list[str]:
    rows = SearchLog.objects.exclude(text="").values("text").annotate(times=Count("pk"))
    return [row["text"] for row in rows.order_by("-times", "text")[:MOST_QUERIES]]


def _opinions() -> dict[str, dict[int, int]]:
    """Return the sum of votes on listings by query, where it is not zero, for queries with right and wrong ones."""
    votes: dict[str, dict[int, int]] = {}
    queries = JudgedQuery.objects.exclude(text="").order_by("-pk")[:MOST_QUERIES]
    found = Judgement.objects.filter(query__in=list(queries.values_list("pk", flat=True)))
    for text, listing_id, value in found.values_list("query__text", "listing_id", "value"):
        about = votes.setdefault(text, {})
        about[listing_id] = about.get(listing_id, 0) + value
    clear = {text: {pk: sum_ for pk, sum_ in about.items() if sum_} for text, about in votes.items()}
    return {text: about for text, about in clear.items() if 0 < len(_liked(about)) < len(about)}


def _liked(about: Mapping[int, int]) -> set[int]:
    return {listing_id for listing_id, votes in about.items() if votes > 0}


def _asked(
    texts: Sequence[str], encoder_id: str, judged: Mapping[str, Mapping[int, int]] | None = None
) -> list[list[int]] | None:
    """Return the listings found for each text, best first; None when this encoder cannot be asked in words.

    Args:
        judged: rank these listings of each text and no others.
    """
    rows = _queries(texts, encoder_id)
    if rows is None:
        return None
    if judged is not None:
        return [_ranked(row, judged[text], encoder_id) for text, row in zip(texts, rows, strict=True)]
    found: list[list[int]] = []
    for start in range(0, len(texts), QUERIES_AT_ONCE):
        hits = engine().search(rows[start : start + QUERIES_AT_ONCE], HITS, encoder_id=encoder_id)
        listing_of = listing_of_photos({hit.photo_id for own in hits for hit in own})
        found += [[listing_id for listing_id, _score in group_by_listing(own, listing_of)] for own in hits]
    return found


def _ranked(row: Matrix, about: Mapping[int, int], encoder_id: str) -> list[int]:
    placed = ListingPhoto.objects.filter(listing__in=list(about))
    listing_of = dict(placed.order_by().values_list("photo_id", "listing_id"))
    hits = engine().search(row, HITS, among=sorted(listing_of), encoder_id=encoder_id)[0]
    return [listing_id for listing_id, _score in group_by_listing(hits, listing_of)]


def _queries(texts: Sequence[str], encoder_id: str) -> Matrix | None:
    deadline = time.monotonic() + LEARNS_WITHIN_S
    while True:
        try:
            return engine().encode_texts(texts, bulk=True, encoder_id=encoder_id).rows
        except NoTextSide:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.5)
