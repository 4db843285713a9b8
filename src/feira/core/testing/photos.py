"""Tiny photos for tests: real encoded bytes with a known look, made in under a millisecond."""

import io
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feira.core.types import Pixels

Pattern = Literal["plain", "stripes", "checks", "dots", "gradient", "noise"]
Colour = tuple[int, int, int]


def photo_pixels(
    colour: Colour = (200, 60, 40),
    size: tuple[int, int] = (64, 80),
    pattern: Pattern = "plain",
    *,
    second: Colour = (245, 240, 230),
    seed: int = 0,
) -> Pixels:
    """Return a uint8 array of shape (height, width, 3); `size` is (width, height) as everywhere in Pillow.

    Args:
        colour: the main colour; the mean colour of a plain photo is exactly this.
        pattern: how `second` is mixed in; `noise` scatters both by `seed`.
        seed: of the noise only.
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    share = _share_of_second(pattern, x, y, seed)
    first_colour, second_colour = np.array(colour, np.float32), np.array(second, np.float32)
    mixed = first_colour + (second_colour - first_colour) * share[..., None]
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def photo_bytes(
    colour: Colour = (200, 60, 40),
    size: tuple[int, int] = (64, 80),
    format: str = "JPEG",  # noqa: A002 - named as in Pillow's save
    pattern: Pattern = "plain",
    *,
    second: Colour = (245, 240, 230),
    seed: int = 0,
) -> bytes:
    """Return such a photo as a file; different arguments give different bytes.

    Args:
        format: a Pillow format name: JPEG, PNG, WEBP, AVIF, GIF, or one that Feira refuses, such as BMP.
    """
    buffer = io.BytesIO()
    picture = Image.fromarray(photo_pixels(colour, size, pattern, second=second, seed=seed))
    picture.save(buffer, format=format, lossless=True)  # lossless: for WebP; the other writers do not look at it
    return buffer.getvalue()


def _share_of_second(pattern: Pattern, x: NDArray[np.int64], y: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    """Return how much of the second colour each pixel takes, 0..1, shape (height, width)."""
    shares: dict[Pattern, Callable[[], NDArray[Any]]] = {
        "plain": lambda: np.zeros(x.shape),
        "stripes": lambda: (x // 8) % 2,
        "checks": lambda: (x // 8 + y // 8) % 2,
        "dots": lambda: ((x % 16 - 8) ** 2 + (y % 16 - 8) ** 2) < 20,
        "gradient": lambda: y / max(1, y.shape[0] - 1),
        "noise": lambda: np.random.default_rng(seed).random(x.shape),
    }
    return np.asarray(shares[pattern](), dtype=np.float32)
