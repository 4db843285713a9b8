"""From words to pictures and back: does a text find its own photo among all, and a photo its text?"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from feira.core.types import Matrix

_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Crossing:
    """How often the right thing stood first, or among the first ten; `mrr` is the mean of one over its place."""

    queries: int
    gallery: int
    recall_at_1: float
    recall_at_10: float
    mrr: float


def cross(
    queries: Matrix, query_keys: Sequence[Hashable], gallery: Matrix, gallery_keys: Sequence[Hashable]
) -> Crossing:
    """Search each query in the gallery; right is whatever has the query's key, and the best placed of those counts.

    Things that score exactly alike share the worst of their places, so that a model which answers everything with the
    same vector finds nothing.

    Args:
        queries, gallery: unit rows of one space, shapes (n, dim) and (m, dim).

    Raises:
        ValueError: a query whose key is nowhere in the gallery cannot be answered.

    >>> rows = np.eye(3, dtype=np.float32)
    >>> cross(rows[[0, 1]], ["a", "b"], rows, ["a", "c", "b"]).recall_at_1
    0.5
    """
    number = {key: place for place, key in enumerate(dict.fromkeys(gallery_keys))}
    if not query_keys or any(key not in number for key in query_keys):
        raise ValueError("There is no query, or one whose answer is not in the gallery.")
    owners = np.array([number[key] for key in gallery_keys])
    wanted = np.array([number[key] for key in query_keys])
    places: list[int] = []
    for start in range(0, len(queries), _AT_ONCE):
        scores = queries[start : start + _AT_ONCE] @ gallery.T
        is_right = owners[None, :] == wanted[start : start + _AT_ONCE, None]
        best = np.where(is_right, scores, -np.inf).max(axis=1, keepdims=True)
        places += (1 + np.count_nonzero((scores >= best) & ~is_right, axis=1)).tolist()
    found = np.array(places)
    return Crossing(
        queries=len(query_keys),
        gallery=len(gallery_keys),
        recall_at_1=float(np.mean(found <= 1)),
        recall_at_10=float(np.mean(found <= 10)),
        mrr=float(np.mean(1 / found)),
    )
