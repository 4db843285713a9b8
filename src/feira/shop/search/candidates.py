"""Listings that may answer a query: by photo, and by words and photo together."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from feira.core.recommend.neighbours import group_by_listing
from feira.core.types import Matrix
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import listing_of_photos, photo_ids_of
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine
from feira.shop.photos.selectors import digest_for_encoder, embeddings_of
from feira.shop.search.selectors import QueryPhoto

MOST_NEAREST = 240
MOST_COMPARED = 20_000
RANK_OFFSET = 60
# A listing has a few photos, so the first look usually fills the list; the others are for filters that most photos
# do not pass although more than MOST_COMPARED do.
HITS = (600, 2_400, 9_600)


@dataclass(frozen=True, slots=True)
class QueryVector:
    """How one encoder sees the query's photo; one row."""

    encoder_id: str
    row: Matrix


def query_vector(photo: QueryPhoto) -> QueryVector:
    """Return the stored embedding of a photo, or let the engine see it now; one query.

    Raises:
        EngineUnavailable: nobody can compare photos right now.
    """
    status = engine().status()
    known, rows = embeddings_of([photo.id], status.encoder_id)
    if known:
        return QueryVector(status.encoder_id, rows)
    encoded = engine().encode([blob_store().get(digest_for_encoder(photo.renditions, status.input_size))])
    return QueryVector(encoded.encoder_id, encoded.rows)


def nearest_listings(vector: QueryVector, passing: QuerySet[Listing], *, is_narrow: bool) -> list[int]:
    """Return the passing listings that look most like the query, best first, `MOST_NEAREST` if there are as many.

    Args:
        is_narrow: whether `passing` leaves out live listings. When few photos pass, only those are compared, so that
            the list is always filled; else the unfiltered hits are filtered afterwards, and more are asked for until
            enough have passed.

    Raises:
        EngineUnavailable: nobody can compare photos right now.
    """
    among = photo_ids_of(passing, most=MOST_COMPARED) if is_narrow else None
    found: list[int] = []
    for most in HITS:
        hits = engine().search(vector.row, most, among=among, encoder_id=vector.encoder_id)[0]
        listing_of = listing_of_photos([hit.photo_id for hit in hits], among=passing)
        found = [listing_id for listing_id, _score in group_by_listing(hits, listing_of)]
        if len(found) >= MOST_NEAREST or len(hits) < most:
            break
    return found[:MOST_NEAREST]


def fused(*rankings: Sequence[int]) -> list[int]:
    """Return what is in any of the rankings, ordered by the sum of reciprocal ranks; the newer listing at a tie.

    >>> fused([1, 2, 3], [3, 4])
    [3, 1, 4, 2]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, listing_id in enumerate(ranking, start=1):
            scores[listing_id] = scores.get(listing_id, 0.0) + 1 / (RANK_OFFSET + rank)
    return sorted(scores, key=lambda listing_id: (-scores[listing_id], -listing_id))
