"""What a linear fit needs to know of pairs of vectors: sums and products, as large for a million pairs as for ten."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]


@dataclass(slots=True)
class PairSums:
    """Weighted sums over pairs of a first and a second vector; pairs come in batches and are not kept.

    Attributes:
        weight: sum of the weights.
        first, second: weighted sums, shapes (p,) and (q,).
        first_first, first_second, second_second: weighted sums of outer products, (p, p), (p, q) and (q, q).
    """

    weight: float
    first: Doubles
    second: Doubles
    first_first: Doubles
    first_second: Doubles
    second_second: Doubles

    @classmethod
    def empty(cls, first_dim: int, second_dim: int) -> Self:
        """Return sums over nothing."""
        p, q = first_dim, second_dim
        return cls(0.0, np.zeros(p), np.zeros(q), np.zeros((p, p)), np.zeros((p, q)), np.zeros((q, q)))

    @property
    def dims(self) -> tuple[int, int]:
        """Lengths of the first and of the second vectors."""
        return self.first_second.shape[0], self.first_second.shape[1]

    def add(self, first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Count in a batch of pairs.

        Args:
            first, second: shapes (n, p) and (n, q), row by row a pair.
            weights: shape (n,), none below zero; one each when left out. Weight two is the same as twice the pair.

        Raises:
            ValueError: the shapes do not belong together, a weight is negative, or a number is not finite.
        """
        rows, targets = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
        counts = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
        if rows.shape != (len(rows), self.dims[0]) or targets.shape != (len(rows), self.dims[1]):
            raise ValueError(f"Pairs of shapes {rows.shape} and {targets.shape} do not fit sums over {self.dims}.")
        if counts.shape != (len(rows),) or (counts < 0).any():
            raise ValueError(f"Give one weight of at least zero for each of the {len(rows)} pairs.")
        if not (np.isfinite(rows).all() and np.isfinite(targets).all() and np.isfinite(counts).all()):
            raise ValueError("A vector or a weight holds something that is not a finite number.")
        weighted = rows * counts[:, None]
        self.weight += float(counts.sum())
        self.first += weighted.sum(axis=0)
        self.second += counts @ targets
        self.first_first += weighted.T @ rows
        self.first_second += weighted.T @ targets
        self.second_second += (targets * counts[:, None]).T @ targets

    def plus(self, other: "PairSums", *, share: float = 1.0) -> "PairSums":
        """Return the sums over both, the other's pairs counting `share` each."""
        if other.dims != self.dims:
            raise ValueError(f"Sums over {self.dims} and over {other.dims} cannot be added.")
        return PairSums(
            self.weight + share * other.weight,
            self.first + share * other.first,
            self.second + share * other.second,
            self.first_first + share * other.first_first,
            self.first_second + share * other.first_second,
            self.second_second + share * other.second_second,
        )

    def centred(self) -> tuple[Doubles, Doubles, Doubles]:
        """Return the products of what differs from the means: first with first, first with second, second with second.

        Raises:
            ValueError: nothing was added.
        """
        if self.weight <= 0:
            raise ValueError("There are no pairs to learn from.")
        a, b = self.first / self.weight, self.second / self.weight
        return (
            self.first_first - np.outer(self.first, a),
            self.first_second - np.outer(self.first, b),
            self.second_second - np.outer(self.second, b),
        )


def power_of(matrix: Doubles, exponent: float, *, ridge: float) -> Doubles:
    """Return (matrix + ridge·I) to a power, for a symmetric matrix without negative eigenvalues but for rounding.

    >>> power_of(np.diag([3.0, 0.0]), -0.5, ridge=1.0).round(3).tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    """
    if ridge <= 0:
        raise ValueError(f"ridge is {ridge}; it has to be above zero, so that every power exists.")
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    result: Doubles = (vectors * (np.maximum(values, 0.0) + ridge) ** exponent) @ vectors.T
    return result


def ridge_regression(sums: PairSums, *, ridge: float) -> tuple[Doubles, Doubles]:
    """Return W of shape (p, q) and an offset (q,), so that `first @ W + offset` is near to `second`.

    Minimises the weighted squared error plus ridge·‖W‖²; the offset is not held small (Hoerl and Kennard 1970).
    """
    if ridge <= 0:
        raise ValueError(f"ridge is {ridge}; it has to be above zero, so that there is one answer.")
    within, across, _ = sums.centred()
    weights = np.asarray(np.linalg.solve(within + ridge * np.eye(len(within)), across), dtype=np.float64)
    offset: Doubles = (sums.second - sums.first @ weights) / sums.weight
    return weights, offset
