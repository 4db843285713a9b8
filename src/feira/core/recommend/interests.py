"""What somebody likes, as a few interests: a person is not one vector but several (PinnerSage, Pal et al., KDD 2020).

Each thing that was liked or opened is a *sign*: its embedding and a weight that halves with age. Signs that look alike
are joined, two groups at a time, as Ward (1963) does it: always the pair whose joining adds least to the weighted
squared distance from the groups' means. Groups are joined only while their directions are alike; of what is left the
heaviest groups stay. To join what is not alike would give a vector between a bag and a bicycle, where nothing lies.

Interests are packed as two little-endian uint16 (their number and their length), weights (float32), rows (float16).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Matrix

MOST_SIGNS = 200
# Of the way from how alike any two listings are to the same picture: so alike are two of a kind.
ALIKE = 0.3
_COUNT, _WEIGHT, _NUMBER = np.dtype("<u2"), np.dtype("<f4"), np.dtype("<f2")
_HEAD_BYTES = 2 * _COUNT.itemsize

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interests:
    """What somebody is interested in, the strongest first.

    Attributes:
        rows: shape (k, dim), float32, unit length; k may be 0.
        weights: shape (k,), float64, above 0, together 1.
        groups: shape (n,): which interest each sign belongs to, −1 for none; empty when read from `unpack`.
    """

    rows: Matrix
    weights: Weights
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def pack(self) -> bytes:
        """Return the interests without their signs as bytes, for `unpack`; no interest is no byte."""
        if not len(self):
            return b""
        head = np.array(self.rows.shape, dtype=_COUNT).tobytes()
        return head + self.weights.astype(_WEIGHT).tobytes() + self.rows.astype(_NUMBER).tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> "Interests":
        """Read what `pack` wrote.

        Raises:
            ValueError: the bytes are no packed interests.

        >>> found = find_interests(np.eye(2, dtype=np.float32), np.array([3.0, 1.0]), most=5, alike=0.5)
        >>> Interests.unpack(found.pack()).weights.tolist()
        [0.75, 0.25]
        """
        nothing = np.empty(0, dtype=np.int64)
        if not packed:
            return cls(np.empty((0, 0), dtype=np.float32), np.empty(0), nothing)
        if len(packed) >= _HEAD_BYTES:
            count, dim = np.frombuffer(packed, _COUNT, 2).tolist()
            numbers_at = _HEAD_BYTES + count * _WEIGHT.itemsize
            if count and len(packed) == numbers_at + count * dim * _NUMBER.itemsize:
                weights = np.frombuffer(packed, _WEIGHT, count, offset=_HEAD_BYTES).astype(np.float64)
                rows = np.frombuffer(packed, _NUMBER, offset=numbers_at).reshape(count, dim)
                return cls(_unit(rows.astype(np.float64)), weights / weights.sum(), nothing)
        raise ValueError(f"{len(packed)} bytes are no packed interests; find them anew.")


def sign_weights(kinds: Weights, ages_s: Weights, *, half_life_s: float) -> Weights:
    """Return how much signs count, shape (n,): the weight of their kind, half of it after each half-life.

    What lies in the future counts as of now.

    >>> sign_weights(np.array([1.0, 0.5]), np.array([60.0, 0.0]), half_life_s=60).tolist()
    [0.5, 0.5]
    """
    if half_life_s <= 0:
        raise ValueError(f"The half-life is {half_life_s} s; it has to be above zero.")
    weights: Weights = kinds * 0.5 ** (np.maximum(ages_s, 0.0) / half_life_s)
    return weights


def alike_from(sample: Matrix) -> float:
    """Return from which cosine on two groups are of a kind, told from embeddings of any things of the same encoder.

    Some encoders see everything within a narrow cone. The mean cosine of a sample of n rows, themselves left out, is
    where "nothing in common" lies; `ALIKE` of the way from there to 1 is alike.

    Args:
        sample: shape (n, dim); with fewer than two rows nothing in common is taken to be 0.

    >>> alike_from(np.eye(4, dtype=np.float32))
    0.3
    """
    count = len(sample)
    common = 0.0
    if count > 1:
        total = sample.sum(axis=0, dtype=np.float64)
        common = float((total @ total - np.square(sample, dtype=np.float64).sum()) / (count * (count - 1)))
    return common + ALIKE * (1.0 - common)


def find_interests(rows: Matrix, weights: Weights, *, most: int, alike: float) -> Interests:
    """Return at most `most` interests of somebody with these signs.

    The same signs in the same order give the same interests. Of more than `MOST_SIGNS` the heaviest count: who has very
    many would wait, for each joining looks at all pairs that are left.

    Args:
        rows: shape (n, dim), float32, unit length: what the signs look like.
        weights: shape (n,), not negative; signs without weight belong to no interest.
        most: at least 1.
        alike: groups whose directions have at least this cosine are joined; see `alike_from`.

    Raises:
        ValueError: `most` is below 1, or the shapes do not belong together.

    >>> signs = np.array([[1, 0], [0.8, 0.6], [0, -1]], dtype=np.float32)
    >>> found = find_interests(signs, np.array([1.0, 1.0, 6.0]), most=2, alike=0.5)
    >>> (found.rows.argmax(axis=1).tolist(), found.weights.tolist(), found.groups.tolist())
    ([0, 0], [0.75, 0.25], [1, 1, 0])
    """
    if most < 1 or rows.ndim != 2 or weights.shape != (len(rows),):
        raise ValueError(f"{weights.shape} weights for rows of shape {rows.shape}, at most {most} interests.")
    order = np.argsort(-weights, kind="stable")[:MOST_SIGNS]
    chosen = order[weights[order] > 0]
    groups = np.full(len(rows), -1, dtype=np.int64)
    if not len(chosen):
        return Interests(np.empty((0, rows.shape[1]), dtype=np.float32), np.empty(0), groups)
    label, sums, totals = _joined(rows[chosen].astype(np.float64), weights[chosen], alike)
    kept = np.argsort(-totals, kind="stable")[:most]
    kept = kept[totals[kept] > 0]
    place_of = np.full(len(totals), -1, dtype=np.int64)
    place_of[kept] = np.arange(len(kept))
    groups[chosen] = place_of[label]
    return Interests(_unit(sums[kept]), totals[kept] / totals[kept].sum(), groups)


def _joined(
    rows: NDArray[np.float64], weights: Weights, alike: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], Weights]:
    """Return each sign's group, the groups' weighted sums (n, dim) and weights (n,); joined groups weigh 0."""
    count = len(rows)
    sums, totals, label = rows * weights[:, None], weights.copy(), np.arange(count)
    cost = np.full((count, count), np.inf)
    for place in range(1, count):
        cost[place, :place] = _cost(place, sums[: place + 1], totals[: place + 1], alike)[:place]
    for _join in range(count - 1):
        at = int(cost.argmin())
        # The row is the later of the two, so what is joined keeps the place of the earlier, heavier one.
        gone, stays = divmod(at, count)
        if not np.isfinite(cost[gone, stays]):
            break
        sums[stays] += sums[gone]
        totals[stays] += totals[gone]
        label[label == gone] = stays
        sums[gone], totals[gone] = 0.0, 0.0
        cost[gone, :], cost[:, gone] = np.inf, np.inf
        fresh = _cost(stays, sums, totals, alike)
        cost[stays, :stays], cost[stays + 1 :, stays] = fresh[:stays], fresh[stays + 1 :]
    return label, sums, totals


def _cost(place: int, sums: NDArray[np.float64], totals: Weights, alike: float) -> NDArray[np.float64]:
    """Return what it costs to join a group with each, shape (n,): infinite for what is not alike, gone, or itself."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    there = (totals > 0) & (lengths > 0)
    safe, scale = np.where(there, totals, 1.0), np.where(there, lengths, 1.0)
    product = sums @ sums[place]
    cosine = product / (scale * scale[place])
    # |a − b|² of the means a and b, from sums and products that are there already.
    squares = np.square(lengths / safe)
    apart = np.maximum(squares + squares[place] - 2 * product / (safe * safe[place]), 0.0)
    cost: NDArray[np.float64] = np.where(
        there & there[place] & (cosine >= alike), totals * totals[place] / (safe + safe[place]) * apart, np.inf
    )
    cost[place] = np.inf
    return cost


def _unit(rows: NDArray[np.float64]) -> Matrix:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)
