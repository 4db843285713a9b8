"""Operations that change colours and leave pixels in their places: jitter, grey."""

import math
from random import Random
from typing import Any, Final

from PIL import Image

from feira.core.augment.draws import uniform
from feira.core.augment.fields import Range, Settings
from feira.core.augment.paper import mean_colour

_STRENGTH: Final[dict[str, Any]] = {"least": 0, "most": 4, "default": (1, 1)}
JITTER: Final = (
    Range("brightness", "factor of all levels", **_STRENGTH),
    Range("contrast", "factor of the distance from the mean grey", **_STRENGTH),
    Range("saturation", "factor of the distance from grey", **_STRENGTH),
    Range("hue", "turn of the colour wheel", -180, 180, (0, 0), "degrees"),
)
_LUMA = (0.299, 0.587, 0.114)
# Rows: luma, and two axes across it (the YIQ colour space), with the way back.
_TO_YIQ = (_LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
_FROM_YIQ = ((1.0, 0.9563, 0.6210), (1.0, -0.2721, -0.6474), (1.0, -1.1070, 1.7046))


def draw_jitter(settings: Settings, rng: Random, _size: tuple[int, int]) -> dict[str, Any]:
    """Choose the four strengths."""
    return {field.name: uniform(rng, settings.range(field.name)) for field in JITTER}


def jitter(picture: Image.Image, parameters: dict[str, Any]) -> Image.Image:
    """Return the picture in another light: brightness, contrast about its mean grey, saturation, hue.

    All four are linear, so they are one matrix and one pass; levels are clipped once, at the end. Without saturation
    and hue the channels do not mix, and a lookup table does it in half the time.
    """
    brightness, contrast = parameters["brightness"], parameters["contrast"]
    saturation, hue = parameters["saturation"], parameters["hue"]
    if brightness == contrast == saturation == 1 and hue == 0:
        return picture
    offset = 0.0
    if contrast != 1:
        grey = sum(weight * level for weight, level in zip(_LUMA, mean_colour(picture), strict=True))
        offset = (1 - contrast) * min(255.0, brightness * grey)
    if saturation == 1 and hue == 0:
        scaled = (level * brightness * contrast + offset for level in range(256))
        return picture.point([min(255, max(0, math.floor(level + 0.5))) for level in scaled] * 3)
    matrix: list[float] = []
    for row in _mixing(saturation, hue):
        matrix += [weight * brightness * contrast for weight in row] + [offset]
    return picture.convert("RGB", tuple(matrix))


def grey(picture: Image.Image, _parameters: dict[str, Any]) -> Image.Image:
    """Return the picture without colour, still in three channels."""
    return picture.convert("L").convert("RGB")


def _mixing(saturation: float, hue: float) -> list[list[float]]:
    """Return how red, green and blue (rows) are mixed from red, green and blue; rows sum to 1, so greys stay."""
    turn = math.radians(hue)
    across = saturation * math.cos(turn), saturation * math.sin(turn)
    turned = ((1.0, 0.0, 0.0), (0.0, across[0], -across[1]), (0.0, across[1], across[0]))
    mixed = _product(_product(_FROM_YIQ, turned), _TO_YIQ)
    # The published matrices are rounded and no exact inverses: what greys are off by goes to the own channel.
    for channel, row in enumerate(mixed):
        row[channel] += 1 - sum(row)
    return mixed


def _product(left: Any, right: Any) -> list[list[float]]:
    return [[sum(row[k] * right[k][column] for k in range(3)) for column in range(3)] for row in left]
