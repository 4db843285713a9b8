"""Listings that may answer a query, proposed cheaply: by their looks, by their words, and both fused."""

from collections.abc import Sequence

from django.db.models import QuerySet

from feira.core.photo_set import PhotoSet
from feira.core.recommend.neighbours import Scored, group_by_listing
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import listing_of_photos, photo_ids_of
from feira.shop.photos.engine import engine
from feira.shop.search.looks import Looks
from feira.shop.search.passing import passing_photos

MOST_NEAREST = 240
MOST_COMPARED = 20_000
RANK_OFFSET = 60
# A listing has a few photos, so the first look usually fills the list; the others are for those with many, and for
# filters that few of the nearest pass.
HITS = (600, 2_400, 9_600)


def nearest_listings(looks: Looks, passing: QuerySet[Listing], *, is_narrow: bool) -> list[list[Scored]]:
    """Return for each row of the looks the passing listings nearest to it, best first, with the cosine.

    `MOST_NEAREST` each if there are as many.

    Few passing photos are compared one by one. When many pass, most of the nearest of all usually do too and are simply
    filtered; only where they do not, all that pass are sent along, and the engine fills the list from them.

    Args:
        is_narrow: whether `passing` leaves out live listings.

    Raises:
        EngineUnavailable: nobody can compare photos right now.
    """
    among: PhotoSet | list[int] | None = photo_ids_of(passing, most=MOST_COMPARED) if is_narrow else None
    found: list[list[Scored]] = []
    for most in HITS:
        answers = engine().search(looks.rows, most, among=among, encoder_id=looks.encoder_id)
        listing_of = listing_of_photos({hit.photo_id for hits in answers for hit in hits}, among=passing)
        found = [group_by_listing(hits, listing_of) for hits in answers]
        if all(len(near) >= MOST_NEAREST or len(hits) < most for near, hits in zip(found, answers, strict=True)):
            break
        if is_narrow and among is None:
            among = passing_photos(passing)
    return [near[:MOST_NEAREST] for near in found]


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
