"""How far beyond its nearest lists a query has to look, learned from queries of several kinds that are no photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Matrix

# In 19 of 20 measurements the true mean lies above the measured one less so many standard errors.
_CONFIDENCE = 1.645
_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Sought:
    """Queries of one kind whose true neighbours are known.

    Attributes:
        nearness: inner product of each query, scaled to length 1, with each list's middle, nearest list first, shape
            (queries, lists).
        found_in: the same with the list of each true neighbour, nearest neighbour first, shape (queries, depth).
    """

    nearness: Matrix
    found_in: Matrix


@dataclass(frozen=True)
class Margins:
    """How much less near a list may be than those that hold enough photos, and still be looked into.

    One margin serves queries near and far: at a photo few lists are nearly as near as the nearest, between photos many
    are. A number of lists would be too low for the one or a waste for the other.

    Attributes:
        depths: for how many of the nearest photos a margin was measured, ascending, int64.
        widths: the margin for each, float64.
    """

    depths: NDArray[np.int64]
    widths: NDArray[np.float64]

    @property
    def deepest(self) -> int:
        """The greatest depth that was measured, 0 when none was."""
        return int(self.depths[-1]) if len(self.depths) else 0

    def least_nearness(self, nearness: Matrix, depth: float, *, photos: int) -> Matrix | None:
        """Return how near a list must be to be looked into for the nearest `depth` of so many photos, shape (n, 1).

        None when that was not measured so deep.

        Args:
            nearness: as in `Sought`.
        """
        place = int(np.searchsorted(self.depths, depth))
        if place == len(self.depths):
            return None
        return np.asarray(_edge(nearness, int(self.depths[place]), photos) - self.widths[place], dtype=np.float32)

    @classmethod
    def unknown(cls) -> "Margins":
        """Return what is known before anything was measured."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64))

    @classmethod
    def measured(cls, kinds: Sequence[Sought], *, photos: int, target: float) -> "Margins":
        """Learn how wide margins must be in a catalogue of so many photos.

        Each is the least at which the mean share of neighbours that are found is `target` or more with 95 % confidence,
        for every kind of query. Were the kinds thrown together, the easy ones would hide what the hard ones lose.
        """
        deepest = kinds[0].found_in.shape[1]
        steps = (step * 10**power for power in range(1, 9) for step in (1, 2, 5))
        depths = [depth for depth in steps if depth < deepest] + [deepest]
        widths = [max(0.0, *(_width(kind, depth, photos, target) for kind in kinds)) for depth in depths]
        return cls(np.array(depths, dtype=np.int64), np.array(widths, dtype=np.float64))


def _edge(nearness: Matrix, depth: int, photos: int) -> Matrix:
    """Return how near the last of those lists is that hold about so many photos together, shape (n, 1)."""
    lists = nearness.shape[1]
    return nearness[:, min(depth * lists // photos, lists - 1), None]


def _width(kind: Sought, depth: int, photos: int, target: float) -> float:
    """Return the least margin that surely finds the target share of the neighbours, on average over queries."""
    shortfalls = _edge(kind.nearness, depth, photos) - kind.found_in[:, :depth]
    # Below the first of these less than the target share is found.
    candidates = np.quantile(shortfalls, np.linspace(target, 1, _CANDIDATES), method="higher").tolist()
    for margin in candidates:
        shares = (shortfalls <= margin).mean(axis=1)
        if shares.mean() - _CONFIDENCE * shares.std() / len(shares) ** 0.5 >= target:
            return float(margin)
    return float(candidates[-1])
