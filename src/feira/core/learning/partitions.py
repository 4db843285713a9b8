"""How good a partition is: how far apart its parts are (silhouette), and how much two of them agree (Rand index)."""

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]
Distances = NDArray[np.float64]


def distances_between(rows: NDArray[np.float64]) -> Distances:
    """Return all distances between rows, shape (n, n): quadratic, so meant for a sample of some thousands."""
    lengths = (rows**2).sum(axis=1)
    squares: Distances = lengths[:, None] - 2 * rows @ rows.T + lengths
    np.maximum(squares, 0, out=squares)
    np.fill_diagonal(squares, 0)
    np.sqrt(squares, out=squares)
    return squares


def silhouette(distances: Distances, labels: Labels) -> float:
    """Return the mean silhouette (Rousseeuw 1987), −1 to 1; 0 for a single part, for then nothing is told apart.

    Of each row, a is the mean distance to the others of its part, b that to the nearest other part, and the silhouette
    (b − a) / max(a, b). It is 0 for a row that is alone in its part, and where all distances are 0.

    Args:
        distances: shape (n, n), symmetric with zeros on the diagonal, by `distances_between`.
        labels: shape (n,).
    """
    names, parts = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return 0.0
    belongs = (parts[:, None] == np.arange(len(names))).astype(np.float64)
    sizes = belongs.sum(axis=0)
    sums = distances @ belongs
    own = sizes[parts]
    each = np.arange(len(parts))
    inside = sums[each, parts] / np.maximum(own - 1, 1)
    means = sums / sizes
    means[each, parts] = np.inf
    outside = means.min(axis=1)
    most = np.maximum(inside, outside)
    scores = np.where((own > 1) & (most > 0), (outside - inside) / np.where(most > 0, most, 1), 0.0)
    return float(scores.mean())


def adjusted_rand_index(first: Labels, second: Labels) -> float:
    """Return how much two partitions of the same rows agree (Hubert, Arabie 1985): 1 for the same, 0 as by chance.

    Names of parts do not count. Counted are pairs of rows that both partitions keep together, from which what chance
    would give is taken. Two partitions that cannot differ (all in one part, or each alone, in both) agree.

    >>> round(adjusted_rand_index(np.array([0, 0, 1, 2]), np.array([5, 5, 3, 3])), 4)
    0.5714
    >>> round(adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 4)
    -0.5

    Raises:
        ValueError: they are not about the same number of rows.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} labels: both partitions must be of the same rows.")
    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    if not len(rows):
        return 1.0
    table = np.bincount(rows * (columns.max() + 1) + columns, minlength=(rows.max() + 1) * (columns.max() + 1))
    table = table.reshape(rows.max() + 1, columns.max() + 1)
    together, in_first, in_second = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    every = len(rows) * (len(rows) - 1) / 2
    expected = in_first * in_second / every if every else 0.0
    most = (in_first + in_second) / 2
    return float((together - expected) / (most - expected)) if most != expected else 1.0


def _pairs(counts: NDArray[np.int64]) -> float:
    wide = counts.astype(np.float64)
    return float((wide * (wide - 1)).sum() / 2)
