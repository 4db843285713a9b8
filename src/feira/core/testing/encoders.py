"""A true but tiny encoder for tests: it really looks at the photo, and its answers can be worked out by hand."""

from collections.abc import Sequence

import numpy as np

from feira.core.types import Matrix, Pixels

_LEVELS = 4


class HistogramEncoder:
    """Counts which of 64 colours (four levels of red, green and blue) each pixel has.

    Photos with the same share of each colour have cosine 1, photos without a common colour have cosine 0.
    """

    @property
    def encoder_id(self) -> str:
        """`histogram-64`."""
        return "histogram-64"

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return _LEVELS**3

    @property
    def input_size(self) -> int:
        """Small, so that tests decode little."""
        return 16

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images."""
        rows = np.zeros((len(images), self.dim), dtype=np.float64)
        for place, image in enumerate(images):
            red, green, blue = np.moveaxis(image.astype(np.int64) * _LEVELS // 256, -1, 0)
            rows[place] = np.bincount(((red * _LEVELS + green) * _LEVELS + blue).ravel(), minlength=self.dim)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Matrix = (rows / lengths).astype(np.float32)
        return unit
