"""The order of search results: a weighted sum of named features, so that the explanation is the score itself.

A feature says how well one listing answers in one respect; a weight says how much that respect counts. The score is
Σ weight · feature, and each product is a *part*. Parts are rounded to multiples of 2⁻¹⁸: a float32 holds such numbers
exactly up to 64, and seven parts of at most 4 stay below, so every sum of them is exact as well. The parts of a listing
therefore add up to its score to the last bit, in any order of addition and also after a detour through JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import FeiraError

# In this order stand the columns of every feature matrix, and the parts of every explanation.
FEATURES = ("words", "picture", "tags", "feedback", "freshness", "popularity", "rule")
# `feedback` and `rule` may speak against a listing, the others can only be silent.
SIGNED = frozenset({"feedback", "rule"})

LEAST, MOST = 0.0, 4.0
STEP = 2.0**-18
FORMAT = "feira-query-ranker-1"

FeatureMatrix = NDArray[np.float32]


class InvalidWeights(FeiraError):
    """Bytes that should hold the weights of a ranker hold something else, or weights out of bounds."""

    code = "invalid_weights"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each feature counts, from 0 to 4; the defaults were set by hand and serve until enough was judged.

    Attributes:
        words: the listing's own words match what was typed, 0 to 1.
        picture: a photo of the listing looks like what was asked for, 0 to 1.
        tags: what was seen in the photos by machine matches what was typed, 0 to 1.
        feedback: what people said about this listing for this query and near ones, −1 to 1.
        freshness: 1 for what was published now, half of it each month later.
        popularity: how many liked it and looked at it, 0 to 1.
        rule: what the shop itself prefers or holds back, −1 to 1.
    """

    words: float = 1.0
    picture: float = 1.0
    tags: float = 0.5
    feedback: float = 0.75
    freshness: float = 0.02
    popularity: float = 0.05
    rule: float = 0.1

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            if not isinstance(weight, int | float) or isinstance(weight, bool) or not LEAST <= weight <= MOST:
                raise InvalidWeights(f"The weight of `{name}` is {weight!r}; it has to be from {LEAST} to {MOST}.")

    def row(self) -> NDArray[np.float32]:
        """Return the weights in the order of `FEATURES`, shape (7,), float32."""
        return np.array([getattr(self, name) for name in FEATURES], dtype=np.float32)

    @classmethod
    def from_row(cls, row: NDArray[np.floating]) -> "Weights":
        """Return weights in the order of `FEATURES`, each brought into its bounds.

        >>> Weights.from_row(np.array([9.0, 1, 0, 0, 0, 0, -1])).words
        4.0
        """
        if row.shape != (len(FEATURES),) or not np.isfinite(row).all():
            raise InvalidWeights(f"There are {len(FEATURES)} weights, all finite; these have the shape {row.shape}.")
        return cls(**dict(zip(FEATURES, np.clip(row, LEAST, MOST).tolist(), strict=True)))

    def pack(self) -> bytes:
        """Return the weights as JSON, for `unpack`."""
        return json.dumps({"format": FORMAT, "weights": asdict(self)}, sort_keys=True).encode()

    @classmethod
    def unpack(cls, content: bytes) -> "Weights":
        """Read what `pack` wrote.

        Raises:
            InvalidWeights: the bytes are something else, or a weight is missing, unknown or out of bounds.

        >>> Weights.unpack(Weights(words=2.0).pack()).words
        2.0
        """
        try:
            read = json.loads(content)
        except ValueError as error:
            raise InvalidWeights("The weights of the ranker are no JSON. Train it again.") from error
        given = read.get("weights") if isinstance(read, Mapping) and read.get("format") == FORMAT else None
        if not isinstance(given, Mapping) or set(given) != {field.name for field in fields(cls)}:
            raise InvalidWeights(f"These are no weights of the format {FORMAT} for {', '.join(FEATURES)}.")
        return cls(**given)


def parts(features: FeatureMatrix, weights: Weights) -> FeatureMatrix:
    """Return what each feature contributes to each score, shape (n, f); the scores are the sums of the rows, exactly.

    Args:
        features: shape (n, f), float32, in the order of `FEATURES`, within 0 to 1 (−1 to 1 where `SIGNED`).

    >>> parts(np.array([[1, 0.5, 0, -1, 0, 0, 0]], np.float32), Weights(feedback=1.0))[0, :4].tolist()
    [1.0, 0.5, 0.0, -1.0]
    """
    products = np.asarray(features, dtype=np.float32) * weights.row()
    # Adding zero turns −0.0 into 0.0, which reads better in an explanation.
    return (np.round(products / np.float32(STEP)) * np.float32(STEP) + np.float32(0)).astype(np.float32)


def scores(found: FeatureMatrix) -> NDArray[np.float32]:
    """Return the sums of the rows of `parts`, shape (n,)."""
    total: NDArray[np.float32] = found.sum(axis=1, dtype=np.float32)
    return total


def order(found: FeatureMatrix, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the rows of `parts` from the best to the last; the higher id goes first at a tie."""
    return np.lexsort((-ids, -scores(found)))
