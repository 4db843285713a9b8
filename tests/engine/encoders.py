"""Encoders for tests of the engine: small, true, and different from one another."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from feira.core.encoders.protocol import Encoder
from feira.core.encoders.rows import unit_rows
from feira.core.errors import ManifestError, Misconfigured
from feira.core.testing.encoders import HistogramEncoder
from feira.core.types import Matrix, Pixels

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


class WrongColours(NamedColours):
    """Mistakes every colour for its opposite, in words."""

    @property
    def encoder_id(self) -> str:
        """`wrong-colours`."""
        return "wrong-colours"

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text."""
        return self.encode_images([255 - _picture(text) for text in texts])


def _picture(text: str) -> np.ndarray:
    named = [COLOURS[word] for word in text.lower().split() if word in COLOURS] or [COLOURS["white"]]
    return np.array([named], dtype=np.uint8)


class Brightness:
    """Tells dark photos from light ones, in three numbers."""

    encoder_id, dim, input_size = "brightness", 3, 16

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image."""
        light = np.array([image.mean() / 255 for image in images], dtype=np.float32).reshape(-1, 1)
        return unit_rows(np.hstack([light, 1 - light, 0 * light + 0.1]), count=len(images), dim=3, encoder_id="b")


def open_test_encoder(name: str, *, models_dir: Path, threads: int, device: str = "auto") -> Encoder:
    """Open one of the encoders above by its id; `models_dir / "altered"` names those that fail their check."""
    altered = models_dir / "altered"
    if altered.is_file() and name in altered.read_text().split():
        raise ManifestError(f"The folder of {name} was altered.")
    known: dict[str, Callable[[], Encoder]] = {
        "histogram-64": HistogramEncoder,
        "named-colours": NamedColours,
        "wrong-colours": WrongColours,
        "brightness": Brightness,
    }
    if name not in known:
        raise Misconfigured(f"There is no encoder named {name!r}.", encoder=name)
    return known[name]()
