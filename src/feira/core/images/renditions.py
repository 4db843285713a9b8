"""The sizes in which a photo is shown, each a WebP without metadata."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from PIL import Image

from feira.core.types import Pixels

RENDITIONS: Final[Mapping[str, int]] = MappingProxyType({"thumb": 240, "card": 480, "full": 1600})
"""Name and longest side in pixels, smallest first."""

# Measured on 400 x 533 clothing photos at quality 80: method 2 takes 6.2 ms and 25.1 kB, method 4 (the default) 15.0 ms
# and 24.3 kB, method 6 32 ms and 23.6 kB. Three per cent of bytes are not worth more than twice the time.
_WEBP_QUALITY = 80
_WEBP_METHOD = 2
_CELLS = 6


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size of a photo: WebP bytes, never larger than the photo itself; `digest` is their SHA-256 in hex."""

    name: str
    width: int
    height: int
    content: bytes
    digest: str


def make_renditions(pixels: Pixels) -> dict[str, Rendition]:
    """Return one rendition per name of `RENDITIONS`; those of the same size share one encoding.

    Args:
        pixels: uint8 sRGB, shape (height, width, 3), both sides at least 1.
    """
    picture = Image.fromarray(pixels)
    made: dict[tuple[int, int], bytes] = {}
    renditions: dict[str, Rendition] = {}
    for name, longest in sorted(RENDITIONS.items(), key=lambda item: -item[1]):
        size = fitted_size(pixels.shape[1], pixels.shape[0], longest=longest)
        if size not in made:
            # Each size is drawn from the next larger one, which is already in the cache of the processor.
            picture = (
                picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
            )
            made[size] = _webp(picture)
        content = made[size]
        renditions[name] = Rendition(name, *size, content=content, digest=hashlib.sha256(content).hexdigest())
    return {name: renditions[name] for name in RENDITIONS}


def fitted_size(width: int, height: int, *, longest: int) -> tuple[int, int]:
    """Return (width, height) scaled down until the longer side is at most `longest`; never enlarged, never below 1.

    >>> fitted_size(4000, 3000, longest=1600), fitted_size(30, 40, longest=240), fitted_size(12000, 2, longest=240)
    ((1600, 1200), (30, 40), (240, 1))
    """
    larger = max(width, height)
    if larger <= longest:
        return width, height
    return max(1, round(width * longest / larger)), max(1, round(height * longest / larger))


def tint_of(pixels: Pixels) -> int:
    """Return the mean colour as a cell of a 6x6x6 palette, 0..215: what a page shows until the photo has come.

    >>> tint_of(np.full((2, 3, 3), 255, np.uint8))
    215
    """
    # Averaging to one pixel in C is ten times faster than `pixels.mean(axis=(0, 1))`.
    mean = np.asarray(Image.fromarray(pixels).resize((1, 1), Image.Resampling.BOX))[0, 0]
    red, green, blue = (int(level) for level in np.rint(mean / 255 * (_CELLS - 1)))
    return (red * _CELLS + green) * _CELLS + blue


def tint_colour(tint: int) -> tuple[int, int, int]:
    """Return the red, green and blue (0..255) of a palette cell.

    >>> tint_colour(215), tint_colour(1)
    ((255, 255, 255), (0, 0, 51))
    """
    step = 255 // (_CELLS - 1)
    return tint // _CELLS**2 * step, tint // _CELLS % _CELLS * step, tint % _CELLS * step


def _webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # A picture made from an array carries no profile, EXIF or text, so nothing but pixels can be written.
    picture.save(buffer, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
    return buffer.getvalue()
