"""The network: a small residual one whose widest layers are grouped, quick on CPUs in training and in service."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from feira.training.recipe import Recipe


class Block(nn.Module):
    """A residual block: 1×1, grouped 3×3 (which may halve the side), 1×1; with a short cut around them.

    Grouped convolutions of 32 channels keep wide registers busy, unlike depthwise ones; after RegNetX (Radosavovic and
    others, "Designing Network Design Spaces", 2020).
    """

    def __init__(self, inward: int, outward: int, *, stride: int, group_width: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *_convolution(inward, outward, 1),
            nn.ReLU(inplace=True),
            *_convolution(outward, outward, 3, stride=stride, groups=max(1, outward // group_width)),
            nn.ReLU(inplace=True),
            *_convolution(outward, outward, 1),
        )
        is_same = stride == 1 and inward == outward
        self.short_cut = nn.Identity() if is_same else nn.Sequential(*_convolution(inward, outward, 1, stride=stride))
        # Each block begins as its short cut: deep nets learn faster from there.
        nn.init.zeros_(cast("Tensor", self.path[-1].weight))

    def forward(self, rows: Tensor) -> Tensor:
        """Shape (n, inward, side, side) to (n, outward, side / stride, side / stride)."""
        return functional.relu(self.path(rows) + self.short_cut(rows))


class Eye(nn.Module):
    """Pixels in, unit embedding out; sides are halved by the stem and by the first block of every stage.

    Input: float32, shape (n, 3, side, side), values -1 to 1; any side of at least 32. Output: shape (n, dim).
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_convolution(3, recipe.stem, 3, stride=2), nn.ReLU(inplace=True)]
        inward = recipe.stem
        for width, depth in zip(recipe.widths, recipe.depths, strict=True):
            for place in range(depth):
                stride = 2 if place == 0 else 1
                layers.append(Block(inward, width, stride=stride, group_width=recipe.group_width))
                inward = width
        self.body = nn.Sequential(*layers)
        self.width = inward
        self.project = nn.Linear(inward, recipe.dim)

    def pooled(self, pixels: Tensor) -> Tensor:
        """Return what is seen before it becomes an embedding, shape (n, width)."""
        features: Tensor = self.body(pixels)
        return features.mean(dim=(2, 3))

    def embedded(self, pooled: Tensor) -> Tensor:
        """Return the unit embedding of pooled rows, in float32."""
        return functional.normalize(self.project(pooled).float(), dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return unit embeddings, shape (n, dim)."""
        return self.embedded(self.pooled(pixels))


class Pupil(nn.Module):
    """The eye with what it needs only while it learns: one head per thing that it is asked about.

    Args:
        recipe: the eye's shape.
        classes: of the teacher's logits.
        heads: number of classes per labelled head.
        words: length of a text vector, 0 for none.
    """

    def __init__(self, recipe: Recipe, *, classes: int, heads: dict[str, int], words: int) -> None:
        super().__init__()
        self.eye = Eye(recipe)
        self.soft = nn.Linear(self.eye.width, classes)
        self.labels = nn.ModuleDict({_key(head): Cosine(recipe.dim, count) for head, count in heads.items()})
        self.words = nn.Linear(recipe.dim, words) if words else None

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor], Tensor | None]:
        """Return embeddings, teacher-like logits, logits by labelled head, and text-like unit rows."""
        pooled = self.eye.pooled(pixels)
        rows = self.eye.embedded(pooled)
        labels = {head: module(rows) for head, module in self.labels.items()}
        words = None if self.words is None else functional.normalize(self.words(rows).float(), dim=1)
        return rows, self.soft(pooled).float(), labels, words


class Cosine(nn.Module):
    """Logits that are scaled cosines to one direction per class, so that classes become directions of the embedding."""

    SCALE = 12.0

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(classes, dim) / dim**0.5)

    def forward(self, rows: Tensor) -> Tensor:
        """Shape (n, dim), unit rows, to (n, classes)."""
        return self.SCALE * rows.float() @ functional.normalize(self.directions.float(), dim=1).T


def _convolution(inward: int, outward: int, size: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inward, outward, size, stride=stride, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward),
    ]


def _key(head: str) -> str:
    return head.replace(" ", "_")
