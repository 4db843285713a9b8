"""sRGB as OKLab, where distances are close to what people see (Ottosson, "A perceptual color space for image
processing", 2020)."""

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Pixels

_TO_CONES = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ],
    dtype=np.float32,
)


def _linear_light() -> NDArray[np.float32]:
    levels = np.arange(256) / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_light()


def oklab(pixels: Pixels) -> NDArray[np.float32]:
    """Return lightness (0 black to 1 white), green-red and blue-yellow of each pixel, float32, in the same shape.

    Args:
        pixels: uint8 sRGB, shape (…, 3).

    >>> [[round(float(part), 2) + 0.0 for part in oklab(np.array(rgb, np.uint8))] for rgb in ([255] * 3, [255, 0, 0])]
    [[1.0, 0.0, 0.0], [0.63, 0.22, 0.13]]
    """
    cones: NDArray[np.float32] = _LINEAR[pixels] @ _TO_CONES
    return np.asarray(np.cbrt(cones) @ _TO_LAB, dtype=np.float32)
