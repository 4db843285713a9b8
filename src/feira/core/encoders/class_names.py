"""Words meet pictures through the classes that a classifier knows: for a shop too young to have taught a bridge.

A linear classifier says "hat" where an embedding points along that class's weights. A query of words asks which class
names are like it, and points along the mix of their weights. It finds only what the classes name; a bridge from a
hundred titles does better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from feira.core.encoders.heads import NOTHING, Heads
from feira.core.encoders.protocol import TextEmbedder
from feira.core.errors import DimensionMismatch
from feira.core.types import Matrix

# The best of 0.02 to 0.1 for MiniLM and ImageNet's names on clothing; near it, little changes.
TEMPERATURE: Final = 0.05


@dataclass(frozen=True, slots=True)
class ClassDirections:
    """Where the classes of an encoder lie.

    Attributes:
        names: as people call the classes; several words are fine.
        rows: unit rows, shape (classes, dim), with what all classes share taken out.
    """

    names: tuple[str, ...]
    rows: Matrix

    @classmethod
    def of_weights(cls, names: Sequence[str], weights: Matrix) -> "ClassDirections":
        """Return the directions of one linear classifier; each class is compared with the mean of all."""
        differing = weights.astype(np.float64) - weights.mean(axis=0, dtype=np.float64)
        lengths = np.linalg.norm(differing, axis=1, keepdims=True)
        rows = np.divide(differing, lengths, out=np.zeros_like(differing), where=lengths > 0)
        return cls(tuple(names), rows.astype(np.float32))

    @classmethod
    def of_heads(cls, heads: Heads) -> "ClassDirections":
        """Return the directions of all heads together; a name that several heads know stands several times."""
        parts = [
            cls.of_weights(head.names, head.weights) for _, head in sorted(heads.by_name.items()) if len(head.names) > 1
        ]
        kept = [
            (name, row) for part in parts for name, row in zip(part.names, part.rows, strict=True) if name != NOTHING
        ]
        names = tuple(name for name, _ in kept)
        return cls(names, np.stack([row for _, row in kept]) if kept else np.empty((0, heads.dim), np.float32))


class ClassNames:
    """Turns text vectors into queries through the names of classes.

    Args:
        directions: of the image encoder.
        embedder: what made, and makes, the text vectors.
    """

    def __init__(self, directions: ClassDirections, embedder: TextEmbedder) -> None:
        self._directions = directions
        self._names = embedder.embed_texts(directions.names)

    def to_image_space(self, texts: Matrix) -> Matrix:
        """Return one float32 row per text vector, shape (n, dim), of unit length; zeros stay zeros.

        Raises:
            DimensionMismatch: the vectors come from another text encoder.
        """
        if texts.ndim != 2 or texts.shape[1] != self._names.shape[1]:
            raise DimensionMismatch(expected=self._names.shape[1], got=texts.shape[-1])
        likeness = texts @ self._names.T / TEMPERATURE
        shares = np.exp(likeness - likeness.max(axis=1, keepdims=True))
        rows = (shares / shares.sum(axis=1, keepdims=True)) @ self._directions.rows
        rows[~texts.any(axis=1)] = 0.0
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0).astype(np.float32)
        return unit
