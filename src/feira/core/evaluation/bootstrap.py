"""Is one ranking better than another, or was it luck? The paired bootstrap over queries (Efron 1979).

Two systems answer the same queries; a query's difficulty is common to both, so only the differences are resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 10_000
# Resampled differences held at once: 8 MB.
_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean of a metric before and after, its gain, and the percentile interval of the gain's mean.

    `wins`, `losses` and `ties` count queries. `low` is the lower end of a two-sided interval: above zero means better
    with 1 − (1 − confidence) / 2, 97.5 % for the usual 95 % interval.
    """

    queries: int
    mean_before: float
    mean_after: float
    gain: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    confidence: float
    resamples: int
    seed: int


def paired_bootstrap(
    before: Sequence[float],
    after: Sequence[float],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare a metric of two systems query by query; the same seed gives the same interval.

    Args:
        before: metric of the present system, one value per query, higher is better.
        after: metric of the other system for the same queries in the same order.

    Raises:
        ValueError: no queries, unequal lengths, values that are no numbers, or a senseless confidence.

    >>> c = paired_bootstrap([0.2, 0.4, 0.6, 0.8], [0.4, 0.6, 0.7, 0.8], seed=1)
    >>> (c.wins, c.losses, c.ties, round(c.gain, 3), c.low > 0)
    (3, 0, 1, 0.125, True)
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise ValueError(
            f"{first.size} values before and {second.size} after; give one of each for at least one query."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("A metric is not a number. Leave out queries that could not be measured.")
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence} has to lie between 0 and 1, and resamples {resamples} above 0.")
    gains = second - first
    means = _resampled_means(gains, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Comparison(
        queries=int(gains.size),
        mean_before=float(first.mean()),
        mean_after=float(second.mean()),
        gain=float(gains.mean()),
        low=float(low),
        high=float(high),
        wins=int(np.count_nonzero(gains > 0)),
        losses=int(np.count_nonzero(gains < 0)),
        ties=int(np.count_nonzero(gains == 0)),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )


def _resampled_means(
    gains: np.ndarray[tuple[int, ...], np.dtype[np.float64]], resamples: int, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the means of `resamples` samples of the gains, drawn with replacement, a bounded number at a time."""
    means = np.empty(resamples)
    step = max(_AT_ONCE // gains.size, 1)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        means[start : start + count] = gains[rng.integers(gains.size, size=(count, gains.size))].mean(axis=1)
    return means
