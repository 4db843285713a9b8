"""k-means: Lloyd's iterations (1982) from starts drawn by k-means++ (Arthur, Vassilvitskii 2007).

A first centre is drawn evenly, each further one with a chance in proportion to the squared distance from the nearest
centre so far. That alone is expected to be within 8·(ln k + 2) of the best sum of squares; Lloyd's iterations and
several starts do the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_ITERATIONS = 100
# A further iteration that gains less than this share of the sum of squares is the last one.
LEAST_GAIN = 1e-4
_ROWS_AT_ONCE = 65_536

Rows = NDArray[np.floating]
Points = NDArray[np.float64]
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Fit:
    """Centres of shape (k, d), each the mean of the rows nearest to it, and the sum of squared distances to them."""

    centres: Points
    sum_of_squares: float


def fit_centres(rows: Points, k: int, *, rng: np.random.Generator, starts: int) -> Fit:
    """Return the best of several starts.

    Args:
        rows: shape (n, d), finite, at least one.
        k: fewer centres come back when there are fewer different rows.

    Raises:
        ValueError: there is no row, or less than one centre or start is asked for.
    """
    if not len(rows) or k < 1 or starts < 1:
        raise ValueError(f"{len(rows)} rows, {k} centres and {starts} starts: there must be one of each at least.")
    fits = (_lloyd(rows, _spread_start(rows, k, rng)) for _start in range(starts))
    return min(fits, key=lambda fit: fit.sum_of_squares)


def nearest(rows: Rows, centres: Points) -> tuple[Labels, Points]:
    """Return the nearest centre of each row and the squared distance to it; the first of equally near centres.

    Args:
        rows: shape (n, d); worked on 65,536 at a time.
        centres: shape (k, d).
    """
    labels, squares = np.empty(len(rows), dtype=np.int32), np.empty(len(rows))
    for part in _parts(len(rows)):
        distances = _squared(rows[part].astype(np.float64), centres)
        labels[part] = distances.argmin(axis=1)
        squares[part] = distances.min(axis=1)
    return labels, squares


def _lloyd(rows: Points, centres: Points) -> Fit:
    labels, squares = nearest(rows, centres)
    for _iteration in range(MOST_ITERATIONS):
        belongs = labels[None, :] == np.arange(len(centres))[:, None]
        sizes = belongs.sum(axis=1)
        # A centre that lost every row leaves: with the starts drawn from the rows that happens where rows are alike.
        centres = (belongs[sizes > 0].astype(np.float64) @ rows) / sizes[sizes > 0, None]
        before = float(squares.sum())
        labels, squares = nearest(rows, centres)
        if (sizes > 0).all() and before - float(squares.sum()) <= LEAST_GAIN * before:
            break
    return Fit(centres, float(squares.sum()))


def _spread_start(rows: Points, k: int, rng: np.random.Generator) -> Points:
    chosen = [int(rng.integers(len(rows)))]
    squares = _squared(rows, rows[chosen])[:, 0]
    while len(chosen) < k:
        # Rows that are a centre already are never drawn, whatever rounding says about their distance to themselves.
        squares[chosen] = 0
        heights = squares.cumsum()
        if heights[-1] <= 0:
            break
        place = int(np.searchsorted(heights, rng.random() * heights[-1], side="right"))
        chosen.append(min(place, len(rows) - 1))
        squares = np.minimum(squares, _squared(rows, rows[chosen[-1:]])[:, 0])
    return rows[chosen]


def _squared(rows: Points, centres: Points) -> Points:
    """Return squared distances of shape (n, k)."""
    # |a − b|² by its parts: one product of matrices instead of n·k·d differences.
    squares: Points = (rows**2).sum(axis=1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(axis=1)
    np.maximum(squares, 0, out=squares)
    return squares


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, count, _ROWS_AT_ONCE))
