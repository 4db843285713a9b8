"""How good the weights are on photos kept for validation; what decides which weights are kept."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from feira.core.types import Matrix
from feira.training.lessons import scaled
from feira.training.network import Eye
from feira.training.photos import Source
from feira.training.views import PhotoFacts, Views

_NEIGHBOURS = 10
_BATCH = 64
HEAD_OF: dict[Source, str] = {"clothing": "garment", "products": "article", "stickers": "group", "drawn": "kind"}


@dataclass(frozen=True, slots=True)
class Marks:
    """Nearest-neighbour figures by source: `accuracy[source]` and `precision[source]`, 0 to 1, k = 10."""

    accuracy: dict[str, float]
    precision: dict[str, float]

    @property
    def overall(self) -> float:
        """One number to choose weights by: clothing counts as much as all other sources together."""
        means = {source: (self.accuracy[source] + self.precision[source]) / 2 for source in self.accuracy}
        others = [mark for source, mark in means.items() if source != "clothing"]
        if "clothing" not in means:
            return float(np.mean(others)) if others else 0.0
        return 0.5 * means["clothing"] + 0.5 * float(np.mean(others)) if others else means["clothing"]


def examine(eye: Eye, views: Views, *, size: int) -> Marks:
    """Look for each validation photo among the training photos of its source, all as plain centre squares."""
    accuracy: dict[str, float] = {}
    precision: dict[str, float] = {}
    for source, photos in _examined(views).items():
        rows = embed(eye, views, photos, size=size)
        accuracy[source], precision[source] = neighbour_marks(rows, photos, HEAD_OF[source])
    return Marks(accuracy, precision)


def examine_teacher(views: Views) -> Marks:
    """Return the teacher's marks on the same photos, by its own embeddings."""
    accuracy: dict[str, float] = {}
    precision: dict[str, float] = {}
    for source, photos in _examined(views).items():
        rows = np.asarray(views.embeddings[[photo.first for photo in photos]], dtype=np.float32)
        accuracy[source], precision[source] = neighbour_marks(rows, photos, HEAD_OF[source])
    return Marks(accuracy, precision)


def _examined(views: Views) -> dict[Source, list[PhotoFacts]]:
    """Return the photos of each source that has both: some to look for and some to find."""
    by_source = {source: [photo for photo in views.photos if photo.source == source] for source in HEAD_OF}
    return {
        source: photos
        for source, photos in by_source.items()
        if 0 < sum(photo.is_validation for photo in photos) < len(photos)
    }


def neighbour_marks(rows: Matrix, photos: list[PhotoFacts], head: str) -> tuple[float, float]:
    """Return kNN accuracy (votes weighted by similarity) and precision at 10 of the validation photos."""
    names = sorted({photo.labels[head] for photo in photos if head in photo.labels})
    kinds = np.array([names.index(photo.labels[head]) if head in photo.labels else -1 for photo in photos])
    asked = np.array([photo.is_validation for photo in photos])
    near = rows[asked] @ rows[~asked].T
    best = np.argpartition(-near, min(_NEIGHBOURS, near.shape[1] - 1), axis=1)[:, :_NEIGHBOURS]
    found = kinds[~asked][best]
    votes = np.zeros((len(best), len(names)))
    for place in range(best.shape[1]):
        scores = np.maximum(np.take_along_axis(near, best[:, place : place + 1], 1)[:, 0], 0)
        np.add.at(votes, (np.arange(len(best)), found[:, place]), scores)
    right = kinds[asked]
    return float((votes.argmax(1) == right).mean()), float((found == right[:, None]).mean())


def embed(eye: Eye, views: Views, photos: list[PhotoFacts], *, size: int) -> Matrix:
    """Return the embeddings of the photos' plain centre squares at a size, shape (n, dim)."""
    was_training = eye.training
    eye.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(photos), _BATCH):
            first = [photo.first for photo in photos[start : start + _BATCH]]
            pixels = torch.from_numpy(views.pixels[first]).permute(0, 3, 1, 2).float()
            if pixels.shape[-1] != size:
                pixels = functional.interpolate(
                    pixels, (size, size), mode="bilinear", align_corners=False, antialias=True
                )
            with torch.autocast("cpu", dtype=torch.bfloat16):
                parts.append(eye(scaled(pixels)).float().numpy())
    eye.train(was_training)
    return np.concatenate(parts)
