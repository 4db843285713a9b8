"""Encoders for tests of the engine: small, true, and different from one another."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feira.core.encoders.protocol import Encoder
from feira.core.testing.encoders import HistogramEncoder
from feira.core.types import Matrix

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


class NamedColours(HistogramEncoder):
    """A dual encoder: a text is the picture of the colours that it names, white when it names none."""

    @property
    def encoder_id(self) -> str:
        """`named-colours`."""
        return "named-colours"

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text."""
        return self.encode_images([_picture(text) for text in texts])


def _picture(text: str) -> np.ndarray:
    named = [COLOURS[word] for word in text.lower().split() if word in COLOURS] or [COLOURS["white"]]
    return np.array([named], dtype=np.uint8)


def open_test_encoder(name: str, *, models_dir: Path, threads: int) -> Encoder:
    """Open one of the encoders above by its id."""
    return {"histogram-64": HistogramEncoder, "named-colours": NamedColours}[name]()
