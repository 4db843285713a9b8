"""Operations that take detail away: blur, noise, JPEG compression, cut-out."""

import io
from functools import lru_cache
from random import Random
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from feira.core.augment.draws import uniform, whole
from feira.core.augment.fields import Range, Settings
from feira.core.augment.paper import FILL, fill_colour

BLUR: Final = (Range("radius", "standard deviation of the blur", 0, 20, (0.5, 1.5), "pixels"),)
NOISE: Final = (Range("deviation", "standard deviation of the noise", 0, 100, (2, 10), "levels of 255"),)
JPEG: Final = (Range("quality", "as of a JPEG file", 1, 100, (40, 90), is_whole=True),)
CUTOUT: Final = (
    Range("count", "how many parts", 0, 20, (1, 3), is_whole=True),
    Range("area", "share of the picture of each", 0, 1, (0.02, 0.1)),
    FILL,
)
_QUANTILE_BITS = 12
_NOISE_AT_ONCE = 1 << 20  # keeps the noise of a photo of 50 megapixels from taking a gigabyte


def draw_blur(settings: Settings, rng: Random, _size: tuple[int, int]) -> dict[str, Any]:
    """Choose a radius."""
    return {"radius": uniform(rng, settings.range("radius"))}


def blur(picture: Image.Image, parameters: dict[str, Any]) -> Image.Image:
    """Return the picture out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(parameters["radius"])) if parameters["radius"] else picture


def draw_noise(settings: Settings, rng: Random, _size: tuple[int, int]) -> dict[str, Any]:
    """Choose a strength, and the seed of the noise itself."""
    return {"deviation": uniform(rng, settings.range("deviation")), "seed": rng.getrandbits(32)}


def noise(picture: Image.Image, parameters: dict[str, Any]) -> Image.Image:
    """Return the picture with normal noise, independent in each channel of each pixel."""
    if parameters["deviation"] == 0:
        return picture
    levels, pixels = _noise_levels(parameters["deviation"]), np.array(picture)
    flat, stream = pixels.reshape(-1), np.random.PCG64(parameters["seed"])
    for start in range(0, flat.size, _NOISE_AT_ONCE):
        band = flat[start : start + _NOISE_AT_ONCE]
        # Raw bits are the one stream of numbers that NumPy promises never to change.
        bits = stream.random_raw(-(-band.size // 4)).astype("<u8", copy=False).view("<u2")[: band.size]
        added = levels[bits >> (16 - _QUANTILE_BITS)]
        added += band
        band[:] = np.clip(added, 0, 255, out=added)
    return Image.fromarray(pixels)


def draw_jpeg(settings: Settings, rng: Random, _size: tuple[int, int]) -> dict[str, Any]:
    """Choose a quality."""
    return {"quality": whole(rng, settings.range("quality"))}


def jpeg(picture: Image.Image, parameters: dict[str, Any]) -> Image.Image:
    """Return the picture as it comes back from a JPEG file of that quality."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=parameters["quality"])
    with Image.open(buffer, formats=("JPEG",)) as read:
        read.load()
        return read.convert("RGB")


def draw_cutout(settings: Settings, rng: Random, size: tuple[int, int]) -> dict[str, Any]:
    """Choose rectangles [left, top, width, height] of the picture's own shape."""
    boxes = []
    for _ in range(whole(rng, settings.range("count"))):
        side = uniform(rng, settings.range("area")) ** 0.5
        width, height = round(size[0] * side), round(size[1] * side)
        left, top = whole(rng, (0, size[0] - width)), whole(rng, (0, size[1] - height))
        if width and height:
            boxes.append([left, top, width, height])
    return {"boxes": boxes, "fill": settings.choice("fill")}


def cutout(picture: Image.Image, parameters: dict[str, Any]) -> Image.Image:
    """Return the picture with rectangles painted over."""
    if not parameters["boxes"]:
        return picture
    colour, painted = fill_colour(picture, parameters["fill"]), picture.copy()
    for left, top, width, height in parameters["boxes"]:
        painted.paste(colour, (left, top, left + width, top + height))
    return painted


def _noise_levels(deviation: float) -> NDArray[np.int16]:
    """Return what is added for each of the equally likely draws, shape (4096,)."""
    return np.rint(_normal_quantiles() * deviation).astype(np.int16)


@lru_cache(maxsize=1)
def _normal_quantiles() -> NDArray[np.float64]:
    count = 1 << _QUANTILE_BITS
    return np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])
