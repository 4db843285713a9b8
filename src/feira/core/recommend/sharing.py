"""A list of recommendations from several interests: each gets its share, in turn, and no seller fills the list.

Turns go by the method of Webster and Sainte-Laguë: next is the interest with the highest weight / (2·taken + 1). So
whatever is looked at of the list from its start holds of each interest about what it weighs.

Recommendations are packed as at most 24 entries of 21 bytes, in their order: the listing (int64), the listing that
explains it (int64), the score (float32), the kind (uint8), all little-endian. None is an empty `bytes`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from feira.core.recommend.neighbours import Scored

MOST: Final = 24
MOST_PER_SELLER: Final = 4
LIKED: Final = 1
OPENED: Final = 2
_ENTRY: Final = np.dtype([("listing_id", "<i8"), ("because", "<i8"), ("score", "<f4"), ("kind", "u1")])


@dataclass(frozen=True, slots=True)
class Chosen:
    """A listing that was chosen, how alike it is to the interest that chose it, and which interest that was."""

    listing_id: int
    score: float
    interest: int


@dataclass(frozen=True, slots=True)
class Recommended:
    """A listing that is recommended, and the listing that explains it.

    Attributes:
        score: cosine with the interest that it belongs to, −1 to 1.
        because: the listing that somebody liked or opened.
        kind: `LIKED` or `OPENED`.
    """

    listing_id: int
    because: int
    score: float
    kind: int


def share_out(
    found: Sequence[Sequence[Scored]],
    weights: Sequence[float],
    *,
    seller_of: Mapping[int, int],
    exclude: Collection[int] = (),
    most: int = MOST,
    most_per_seller: int = MOST_PER_SELLER,
) -> list[Chosen]:
    """Return at most `most` different listings, each interest in its turn with its best.

    What would be too many of one seller comes last, and only if there is nothing else: a shop with one seller has
    recommendations, too.

    Args:
        found: for each interest (listing id, score), best first.
        weights: of the interests, above 0.
        seller_of: the seller of each listing that may be recommended; listings that are not in it are left out.
        exclude: what was seen already.

    >>> red, blue = [(1, 0.9), (2, 0.8), (3, 0.7)], [(9, 0.6), (2, 0.5)]
    >>> chosen = share_out([red, blue], [0.7, 0.3], seller_of={1: 5, 2: 5, 3: 5, 9: 6}, most_per_seller=2)
    >>> [(each.listing_id, each.interest) for each in chosen]
    [(1, 0), (9, 1), (2, 0), (3, 0)]
    """
    if len(found) != len(weights):
        raise ValueError(f"There are {len(found)} interests and {len(weights)} weights; give one weight per interest.")
    left = set(seller_of).difference(exclude)
    chosen: list[Chosen] = []
    taken = [0] * len(found)
    sold_by: dict[int, int] = {}
    for limit in (most_per_seller, len(left)):
        places = [0] * len(found)
        waiting = {number for number, each in enumerate(found) if each}
        while waiting and len(chosen) < most:
            turn = max(waiting, key=lambda number: (weights[number] / (2 * taken[number] + 1), -number))
            listing_id, score = found[turn][places[turn]]
            places[turn] += 1
            if places[turn] == len(found[turn]):
                waiting.discard(turn)
            if listing_id in left and sold_by.get(seller_of[listing_id], 0) < limit:
                left.discard(listing_id)
                sold_by[seller_of[listing_id]] = sold_by.get(seller_of[listing_id], 0) + 1
                taken[turn] += 1
                chosen.append(Chosen(listing_id, score, turn))
    return chosen


def pack_recommended(recommended: Sequence[Recommended]) -> bytes:
    """Pack recommendations in their order.

    Raises:
        ValueError: there are more than 24.
    """
    if len(recommended) > MOST:
        raise ValueError(f"{len(recommended)} recommendations; at most {MOST} are kept.")
    entries = [(each.listing_id, each.because, each.score, each.kind) for each in recommended]
    return np.array(entries, dtype=_ENTRY).tobytes()


def unpack_recommended(packed: bytes) -> list[Recommended]:
    """Return packed recommendations in their order.

    Raises:
        ValueError: the bytes are no packed recommendations.

    >>> unpack_recommended(pack_recommended([Recommended(7, 3, 0.5, LIKED)]))
    [Recommended(listing_id=7, because=3, score=0.5, kind=1)]
    """
    count, rest = divmod(len(packed), _ENTRY.itemsize)
    if rest or count > MOST:
        raise ValueError(f"{len(packed)} bytes are no packed recommendations; find them anew.")
    return [Recommended(*entry) for entry in np.frombuffer(packed, _ENTRY).tolist()]
