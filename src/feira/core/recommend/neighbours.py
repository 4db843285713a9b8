"""Lists of the most similar listings: from photo hits to listings, packed into bytes, kept up as listings come and go.

A packed list is at most 24 entries of a listing id (int64) and a score (float32), both little-endian: first all ids,
then all scores, best first, ties to the lower id. No entry is an empty `bytes`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Hit

MOST = 24
_ID, _SCORE = np.dtype("<i8"), np.dtype("<f4")
_ENTRY_BYTES = _ID.itemsize + _SCORE.itemsize

Scored = tuple[int, float]
PackedNeighbours = bytes


def group_by_listing(hits: Iterable[Hit], listing_of: Mapping[int, int], exclude: Collection[int] = ()) -> list[Scored]:
    """Return (listing id, score) of the listings whose photos were hit, best first; the best photo speaks for each.

    Args:
        hits: in any order.
        listing_of: photo id to listing id; hits of unknown photos are dropped.
        exclude: listings to leave out, such as the one that is asked about.

    >>> group_by_listing([Hit(1, 0.9), Hit(2, 0.8), Hit(3, 0.7)], {1: 10, 2: 10, 3: 30})
    [(10, 0.9), (30, 0.7)]
    """
    best: dict[int, float] = {}
    for hit in hits:
        listing_id = listing_of.get(hit.photo_id)
        if listing_id is not None and listing_id not in exclude:
            best[listing_id] = max(hit.score, best.get(listing_id, hit.score))
    return sorted(best.items(), key=lambda entry: (-entry[1], entry[0]))


def pack(neighbours: Sequence[Scored]) -> PackedNeighbours:
    """Pack (listing id, score) pairs with different ids, in any order; of more than 24 the best are kept."""
    ids = np.array([listing_id for listing_id, _ in neighbours], dtype=_ID)
    scores = np.array([score for _, score in neighbours], dtype=_SCORE)
    return _packed(ids, scores)


def unpack(packed: PackedNeighbours) -> list[Scored]:
    """Return the (listing id, score) pairs of a packed list, best first.

    Raises:
        ValueError: the bytes are no packed list.

    >>> unpack(pack([(7, 0.5), (3, 0.75)]))
    [(3, 0.75), (7, 0.5)]
    """
    ids, scores = _arrays(packed)
    return list(zip(ids.tolist(), scores.tolist(), strict=True))


def enter(packed: PackedNeighbours, listing_id: int, score: float) -> PackedNeighbours | None:
    """Return the list with the listing in its place, or None when it does not get in and nothing is to be stored.

    A listing that is in the list already gets the new score. Mind that a full list has forgotten what fell out of it:
    when a score sinks, or after `leave`, only a new search knows who should follow.
    """
    (entered,) = enter_each([packed], listing_id, [score])
    return entered


def enter_each(
    lists: Sequence[PackedNeighbours], listing_id: int, scores: Sequence[float]
) -> list[PackedNeighbours | None]:
    """Enter one listing into many lists at once, with a score for each; see `enter`.

    Lists that are full of better ones are told by their last score alone, in one comparison.
    """
    if len(lists) != len(scores):
        raise ValueError(f"There are {len(lists)} lists and {len(scores)} scores; give one score per list.")
    fresh = np.asarray(scores, dtype=_SCORE)
    full = np.array([len(packed) == MOST * _ENTRY_BYTES for packed in lists], dtype=bool)
    last = np.array([_last_score(packed) for packed in lists], dtype=_SCORE)
    # A full list whose last entry is better can still hold the listing itself, under an older and better score.
    needle = np.array([listing_id], dtype=_ID).tobytes()
    hopeless = full & (fresh < last)
    return [
        None if hopeless[place] and needle not in packed else _entered(packed, listing_id, fresh[place])
        for place, packed in enumerate(lists)
    ]


def leave(packed: PackedNeighbours, listing_id: int) -> PackedNeighbours | None:
    """Return the list without the listing, or None when it was not in there and nothing is to be stored."""
    ids, scores = _arrays(packed)
    others = ids != listing_id
    return None if others.all() else _packed(ids[others], scores[others])


def _entered(packed: PackedNeighbours, listing_id: int, score: np.float32) -> PackedNeighbours | None:
    ids, scores = _arrays(packed)
    others = ids != listing_id
    entered = _packed(np.append(ids[others], listing_id), np.append(scores[others], score))
    return None if entered == packed else entered


def _packed(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> PackedNeighbours:
    order = np.lexsort((ids, -scores))[:MOST]
    return ids[order].astype(_ID).tobytes() + scores[order].astype(_SCORE).tobytes()


def _arrays(packed: PackedNeighbours) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    count, rest = divmod(len(packed), _ENTRY_BYTES)
    if rest or count > MOST:
        raise ValueError(f"{len(packed)} bytes are no packed list of neighbours; compute the list anew.")
    return np.frombuffer(packed, _ID, count), np.frombuffer(packed, _SCORE, count, offset=count * _ID.itemsize)


def _last_score(packed: PackedNeighbours) -> float:
    return float(np.frombuffer(packed[-_SCORE.itemsize :], _SCORE)[0]) if packed else -np.inf
