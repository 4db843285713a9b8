"""Batches to learn from: which views are drawn, how they are changed once more, and what is right for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from feira.core.types import Matrix
from feira.training.losses import UNKNOWN, Targets
from feira.training.photos import SOURCES
from feira.training.recipe import Recipe
from feira.training.views import Views

_PCA_ROWS = 20_000


class Projection(NamedTuple):
    """Principal components of the teacher's unit rows: `(row - mean) @ components.T`, then brought to length one.

    `mean` has shape (teacher's dim,), `components` (dim, teacher's dim).
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def __call__(self, rows: NDArray[np.float16] | Matrix) -> Matrix:
        """Return unit rows in fewer dimensions."""
        flat = (rows.astype(np.float32) - self.mean) @ self.components.T
        return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def fit_projection(views: Views, dim: int, *, seed: int) -> Projection:
    """Fit the components on training views, at most 20,000 of them, drawn evenly from all."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [np.arange(photo.first, photo.first + photo.count) for photo in views.photos if not photo.is_validation]
    )
    chosen = np.sort(rng.permutation(rows)[:_PCA_ROWS])
    sample = np.asarray(views.embeddings[chosen], dtype=np.float32)
    mean = sample.mean(axis=0)
    spread = (sample - mean).T @ (sample - mean) / len(sample)
    _, vectors = np.linalg.eigh(spread.astype(np.float64))
    components = vectors[:, ::-1][:, :dim].T.astype(np.float32)
    return Projection(mean, np.ascontiguousarray(components))


@dataclass(frozen=True, slots=True)
class Lessons:
    """All training views with their targets.

    Attributes:
        heads: class names by head, sorted.
        rows_by_source: the views that may be drawn of each source.
    """

    views: Views
    heads: Mapping[str, list[str]]
    targets: Matrix
    labels: Mapping[str, NDArray[np.int64]]
    words: Matrix | None
    photo_of_view: NDArray[np.int64]
    rows_by_source: tuple[NDArray[np.int64], ...]
    shares: NDArray[np.float64]

    @classmethod
    def prepare(cls, views: Views, projection: Projection, recipe: Recipe, *, words: Matrix | None) -> "Lessons":
        """Number the classes and the views.

        Args:
            words: a unit row per photo, or None to learn no words.
        """
        photos = views.photos
        names = sorted({head for photo in photos for head in photo.labels})
        heads = {head: sorted({photo.labels[head] for photo in photos if head in photo.labels}) for head in names}
        numbers = {head: {name: number for number, name in enumerate(heads[head])} for head in names}
        labels = {
            head: np.array([numbers[head].get(photo.labels.get(head, ""), UNKNOWN) for photo in photos])
            for head in names
        }
        photo_of_view = np.repeat(np.arange(len(photos)), [photo.count for photo in photos])
        taught = np.array([not photo.is_validation for photo in photos])[photo_of_view]
        sources = np.array([SOURCES.index(photo.source) for photo in photos])[photo_of_view]
        by_source = tuple(np.flatnonzero(taught & (sources == number)) for number in range(len(SOURCES)))
        shares = np.array(
            [recipe.shares[source] * bool(len(own)) for source, own in zip(SOURCES, by_source, strict=True)]
        )
        return cls(
            views, heads, projection(views.embeddings), labels, words, photo_of_view, by_source, shares / shares.sum()
        )

    def batch(self, rng: np.random.Generator, *, count: int, size: int) -> tuple[Tensor, Targets]:
        """Draw views at random, by source first, and change them a little more.

        Returns pixels from -1 to 1, shape (count, 3, size, size), and what is right for them.
        """
        sources = rng.choice(len(SOURCES), size=count, p=self.shares)
        rows = np.array([rng.choice(self.rows_by_source[source]) for source in sources])
        photos = self.photo_of_view[rows]
        targets = Targets(
            torch.from_numpy(self.targets[rows]),
            torch.from_numpy(self.views.logits[rows].astype(np.float32)),
            {head.replace(" ", "_"): torch.from_numpy(numbers[photos]) for head, numbers in self.labels.items()},
            None if self.words is None else torch.from_numpy(self.words[photos]),
        )
        return changed_again(self.views.pixels[rows], rng, size=size), targets


def changed_again(pixels: NDArray[np.uint8], rng: np.random.Generator, *, size: int) -> Tensor:
    """Turn, shift, enlarge, mirror and relight each view slightly; the teacher's answer is taken to stay right.

    Args:
        pixels: uint8, shape (n, side, side, 3).
        size: side of what is returned: float32, shape (n, 3, size, size), channels last in memory.
    """
    count = len(pixels)
    views = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    scale, turn = rng.uniform(0.78, 1.0, count), rng.uniform(-0.17, 0.17, count)
    slack = 1.02 - scale
    mirror = rng.choice((-1.0, 1.0), count)
    moves = np.zeros((count, 2, 3), dtype=np.float32)
    moves[:, 0, 0], moves[:, 0, 1] = mirror * scale * np.cos(turn), -scale * np.sin(turn)
    moves[:, 1, 0], moves[:, 1, 1] = mirror * scale * np.sin(turn), scale * np.cos(turn)
    moves[:, :, 2] = rng.uniform(-1, 1, (count, 2)) * slack[:, None]
    grid = functional.affine_grid(torch.from_numpy(moves), [count, 3, size, size], align_corners=False)
    seen = functional.grid_sample(views, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    light = torch.from_numpy(rng.uniform(0.85, 1.15, (count, 1, 1, 1)).astype(np.float32))
    seen = (seen * light).clamp_(0, 255)
    return scaled(seen)


def scaled(pixels: Tensor) -> Tensor:
    """Bring values from 0 to 255 to -1 to 1, and lay channels last in memory, several times faster on CPUs."""
    return ((pixels - 127.5) / 127.5).contiguous(memory_format=torch.channels_last)
