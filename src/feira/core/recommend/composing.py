"""Queries made of a photo and words: "like this, but red", "like this without a pattern".

Words come as vectors in the photos' own space (a text side or a bridge put them there), so a composed query is one
vector for the ordinary index:

    query = (1 − s)·photo + s·(add − remove) + s/2·keep

with s, the share of the words, from 0 (the photo alone) to 1 (the words alone). Removing the words for what the photo
shows now does as much as asking for the new, and saying what must stay (its kind) keeps the answer among such things.
Measured on catalogue photos that nothing was fitted on, with the built-in eye: recall@10 of the same kind in another
colour is 0.40 by the photo alone, 0.63 by adding and removing colours and 0.71 with the kind kept; of another kind in
the same colour 0.03, 0.45 and 0.53. Projecting the old colour's direction out of the photo, centring, and removing the
plane of all colours were tried and gave less (ADR 0014).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Matrix, Vector

WORDS_SHARE: Final = 0.75
_NOTHING: Final = 1e-6


def compose(
    *,
    photo: Vector | None = None,
    add: Matrix | None = None,
    remove: Matrix | None = None,
    keep: Matrix | None = None,
    words_share: float = WORDS_SHARE,
) -> Vector:
    """Return one query of unit length, float32, shape (dim,).

    Args:
        photo: what to start from; without it the words alone make the query, whatever their share.
        add: unit rows of words that the answer should show; several count as their mean.
        remove: unit rows of words that it should not show, best those of what the photo shows now.
        keep: unit rows of words that are true of the photo and should stay true, such as its kind.
        words_share: s of the formula, 0 to 1.

    Raises:
        ValueError: nothing was given that makes a query, or the share is outside of 0 to 1.
    """
    if not 0.0 <= words_share <= 1.0:
        raise ValueError(f"words_share is {words_share}; it lies between 0 (the photo) and 1 (the words).")
    given = [part for part in (photo, add, remove, keep) if part is not None and len(part)]
    if not given:
        raise ValueError("A query needs a photo or words.")
    dim = given[0].shape[-1]
    words = _mean(add, dim) - _mean(remove, dim) + 0.5 * _mean(keep, dim)
    query = words if photo is None else (1.0 - words_share) * photo.astype(np.float64) + words_share * words
    length = float(np.linalg.norm(query))
    if length < _NOTHING:
        if photo is None:
            raise ValueError("These words cancel out; give a photo or other words.")
        # What was added was also removed: the photo is what is left of the wish.
        query, length = photo.astype(np.float64), float(np.linalg.norm(photo))
    unit: Vector = (query / length).astype(np.float32)
    return unit


def _mean(rows: Matrix | None, dim: int) -> NDArray[np.float64]:
    """Return the mean row, zeros for none."""
    return np.zeros(dim) if rows is None or not len(rows) else rows.astype(np.float64).mean(axis=0)
