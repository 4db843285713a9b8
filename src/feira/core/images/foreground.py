"""What a picture shows, apart from what lies behind it: found by colour and place alone, without a model.

In the manner of GrabCut (Rother, Kolmogorov and Blake, 2004): the edge of the picture tells what the background looks
like, the middle is likelier to be shown than the rim, and a few rounds of clustering settle the rest. In place of a
graph cut each pixel listens to its neighbours, which is a hundred times cheaper and enough to count colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feira.core.images.oklab import oklab
from feira.core.types import Pixels

Array = NDArray[np.float32]

_LONGEST_SIDE = 40
_EDGE = 2
_BACKGROUND_CLUSTERS, _FOREGROUND_CLUSTERS = 3, 5
_ROUNDS = 2
# What lies behind is seen on two sides at least, and makes up this much of each.
_LEAST_OF_SIDE = 0.2
# Variances in OKLab below which clusters are not told apart: white paper is plain, cloth has folds.
_BACKGROUND_FLOOR, _FOREGROUND_FLOOR = 2e-4, 1e-3
# OKLab's volume that sRGB fills is about 0.15, so this is the density of a colour of which nothing is known.
_ANY_COLOUR = float(np.log(1 / 0.15))
_CENTRE_PULL = 2.0
_LEAST_SHOWN = 0.004


@dataclass(frozen=True, slots=True)
class Foreground:
    """A small copy of a picture in OKLab, and how surely each pixel belongs to what is shown.

    Attributes:
        lab: float32, shape (height, width, 3).
        weight: float32 from 0 (behind) to 1 (shown), shape (height, width); never all zero.
    """

    lab: Array
    weight: Array


def find_foreground(pixels: Pixels, alpha: NDArray[np.uint8] | None = None) -> Foreground:
    """Tell what is shown from what is behind it; a picture in which they cannot be told apart is shown whole.

    Args:
        pixels: uint8 sRGB, shape (height, width, 3).
        alpha: opacity 0..255, shape (height, width); where it says anything, it alone decides.
    """
    size = _small_size(pixels.shape[1], pixels.shape[0])
    lab = oklab(_resized(pixels, size))
    if alpha is not None and alpha.min() < 128 < alpha.max():
        return Foreground(lab, _resized(alpha, size).astype(np.float32) / np.float32(255))
    weight = _by_edge_and_clusters(lab)
    # Where next to nothing is left, the thing looks like what is behind it: then the whole picture is looked at.
    return Foreground(lab, weight if weight.mean() > _LEAST_SHOWN else np.ones_like(weight))


def distance_from_centre(shape: tuple[int, ...]) -> Array:
    """Return the squared distance of each pixel from the middle, 1 at the middle of each side, 2 in the corners."""
    down, across = ((np.arange(length, dtype=np.float32) + 0.5) / length * 2 - 1 for length in shape[:2])
    return np.asarray(down[:, None] ** 2 + across[None, :] ** 2, dtype=np.float32)


def _by_edge_and_clusters(lab: Array) -> Array:
    height, width = lab.shape[:2]
    points = lab.reshape(-1, 3)
    sides = [side.reshape(-1, 3) for side in (lab[:_EDGE], lab[-_EDGE:], lab[:, :_EDGE], lab[:, -_EDGE:])]
    edge = np.concatenate(sides)
    behind = _Mixture.of(edge, np.ones(len(edge), np.float32), _BACKGROUND_CLUSTERS, _BACKGROUND_FLOOR)
    pull = _CENTRE_PULL * (2 * np.exp(-distance_from_centre(lab.shape) / 0.6).ravel() - 1)
    against = pull - behind.on_two_of(sides).log_density(points)
    weight = _sigmoid(_ANY_COLOUR + against)
    for _round in range(_ROUNDS):
        around = _mean_of_neighbours(weight.reshape(height, width)).ravel()
        if around.sum() < _FOREGROUND_CLUSTERS:
            break
        shown = _Mixture.of(points, around, _FOREGROUND_CLUSTERS, _FOREGROUND_FLOOR).log_density(points)
        likely = np.logaddexp(shown + np.log(0.9), np.float32(_ANY_COLOUR + np.log(0.1)))
        agreed = np.clip(around, 0.02, 0.98)
        weight = _sigmoid(likely + against + np.log(agreed / (1 - agreed)))
    return weight.reshape(height, width)


@dataclass(frozen=True, slots=True)
class _Mixture:
    """Round clusters of colours: centres (k, 3), variances (k,), shares (k,)."""

    centres: Array
    variances: Array
    shares: Array

    @classmethod
    def of(cls, points: Array, weights: Array, clusters: int, floor: float) -> "_Mixture":
        """Cluster weighted points by k-means, begun at evenly spread ranks of lightness so that nothing is random."""
        ranks = np.argsort(points[:, 0], kind="stable")
        centres = points[ranks[np.linspace(0, len(points) - 1, clusters).astype(int)]]
        numbers = np.arange(clusters)
        for _round in range(4):
            distances = _distances(points, centres)
            mine = (distances.argmin(1)[:, None] == numbers) * weights[:, None]
            totals = mine.sum(0)
            centres = np.where(totals[:, None] > 1e-6, mine.T @ points / np.maximum(totals, 1e-6)[:, None], centres)
        spread = (mine * _distances(points, centres)).sum(0) / np.maximum(totals, 1e-6) / 3
        return cls(centres, np.maximum(spread, floor), totals / totals.sum())

    def on_two_of(self, sides: Sequence[Array]) -> "_Mixture":
        """Return the mixture without the clusters that lie on one side only: things that reach out of the picture."""
        numbers = np.arange(len(self.shares))
        per_side = [(_distances(side, self.centres).argmin(1)[:, None] == numbers).mean(0) for side in sides]
        second = np.sort(np.array(per_side), axis=0)[-2]
        kept = np.where(second < _LEAST_OF_SIDE, np.float32(1e-6), self.shares)
        return _Mixture(self.centres, self.variances, kept / kept.sum())

    def log_density(self, points: Array) -> Array:
        """Return the logarithm of the density at each point; normalised up to the constant that all share."""
        scores = np.log(self.shares + 1e-9) - 1.5 * np.log(self.variances)
        scores = scores - _distances(points, self.centres) / (2 * self.variances)
        highest = scores.max(1)
        return np.asarray(highest + np.log(np.exp(scores - highest[:, None]).sum(1)), dtype=np.float32)


def _distances(points: Array, centres: Array) -> Array:
    squares = (points * points).sum(1)[:, None] + (centres * centres).sum(1) - 2 * points @ centres.T
    return np.asarray(np.maximum(squares, 0), dtype=np.float32)


def _mean_of_neighbours(weight: Array) -> Array:
    wide = np.pad(weight, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9, dtype=np.float32)


def _sigmoid(odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), dtype=np.float32)


def _small_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    # Thinner than two edges and a pixel, a picture would be all edge.
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BOX))
