"""The colours of drawn photos: what things are made in, and what they stand before."""

import math
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final

Colour = tuple[int, int, int]

COLOURS: Final[Mapping[str, Colour]] = MappingProxyType(
    {
        "red": (190, 52, 50),
        "orange": (224, 124, 48),
        "yellow": (236, 190, 70),
        "green": (74, 128, 82),
        "mint": (146, 202, 176),
        "teal": (38, 118, 126),
        "blue": (64, 116, 184),
        "navy": (40, 56, 100),
        "purple": (124, 86, 150),
        "pink": (228, 146, 158),
        "brown": (124, 84, 58),
        "beige": (206, 182, 148),
        "white": (244, 240, 232),
        "grey": (138, 140, 144),
        "black": (46, 46, 50),
    }
)
"""Name and sRGB colour of what a thing can be made in."""

CREAM: Final[Colour] = (248, 242, 228)
GILT: Final[Colour] = (222, 186, 110)
_BACKDROPS: Final[tuple[tuple[Colour, Colour], ...]] = (  # wall, floor
    ((236, 228, 218), (218, 204, 188)),
    ((216, 224, 214), (192, 202, 188)),
    ((238, 218, 210), (222, 194, 182)),
    ((214, 224, 232), (190, 202, 212)),
    ((232, 222, 200), (210, 194, 164)),
    ((222, 220, 224), (198, 196, 200)),
    ((206, 190, 176), (182, 164, 146)),
    ((184, 196, 196), (160, 174, 172)),
)


def lightness(colour: Colour) -> float:
    """Return the perceived lightness, 0..255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def distance(one: Colour, other: Colour) -> float:
    """Return how far two colours are apart, in levels."""
    return math.dist(one, other)


def second_colour(rng: Random, main: Colour) -> Colour:
    """Choose what a pattern is drawn in: usually cream on dark and a deep colour on light."""
    if lightness(main) < 175 and rng.random() < 0.7:
        return CREAM
    far = [colour for colour in (*COLOURS.values(), CREAM) if abs(lightness(colour) - lightness(main)) > 55]
    return rng.choice(far or [COLOURS["black"]])


def backdrop(rng: Random, main: Colour) -> tuple[Colour, Colour]:
    """Choose wall and floor that the thing stands out from."""
    clear = [pair for pair in _BACKDROPS if distance(pair[0], main) > 62]
    return rng.choice(clear or list(_BACKDROPS))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return `one` with `share` (0..1) of `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
