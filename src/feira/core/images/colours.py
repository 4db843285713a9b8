"""The colours of what a picture shows, by name and share.

Names are the eleven basic colour terms (Berlin and Kay, 1969) with turquoise and beige, which shops need. As in van de
Weijer et al., "Learning color names for real-world applications" (2009), each name is a learned region of a colour
space rather than a point: here a few soft prototypes in OKLab, fitted by `scripts/fit_colour_names.py` on catalogue
pictures with stated colours and kept in `colour_prototypes.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feira.core.images.foreground import Foreground, distance_from_centre, find_foreground
from feira.core.types import Pixels

COLOUR_NAMES: Final = (
    "black",
    "white",
    "grey",
    "red",
    "orange",
    "yellow",
    "green",
    "turquoise",
    "blue",
    "purple",
    "pink",
    "brown",
    "beige",
)
"""What a picture's share of a colour may be of; `MULTICOLOUR` is said of a picture as a whole."""
MULTICOLOUR: Final = "multicolour"
COLOURS_VERSION: Final = "colours-1"
"""Changes whenever other names would be given to the same picture."""

_COLOURLESS = frozenset({"black", "white", "grey", "beige", "brown"})
_LEAST_SHARE, _LEAST_OF_BEST, _MOST_NAMED = 0.15, 0.4, 3
# Of the products stated as multicoloured 18 % are like this, of the others 1.6 %: what is said should be so.
_MULTI_BEST, _MULTI_LEAST, _MULTI_NAMES = 0.4, 0.05, 4


@dataclass(frozen=True, slots=True)
class NamedColour:
    """A colour of a picture; `share` is from 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Soft regions of OKLab: `centres` and `sharpness` (names, k, 3), `bias` (names, k), all float32."""

    centres: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    bias: NDArray[np.float32]

    def shares(self, shown: Foreground) -> NDArray[np.float64]:
        """Return the share of each name, summing to 1: every pixel is divided among the names that it resembles.

        The middle counts more than the rim: what hangs beside the thing on sale, or wears it, is rarely in the middle.
        """
        nearness = np.exp(-distance_from_centre(shown.weight.shape))
        weights = (shown.weight * nearness).ravel()
        points = shown.lab.reshape(-1, 3)
        # The squared distance, scaled along each axis, as one product of matrices.
        scale = (self.sharpness**2).reshape(-1, 3)
        centres = self.centres.reshape(-1, 3)
        distances = points**2 @ scale.T - 2 * points @ (scale * centres).T + (scale * centres**2).sum(1)
        likeness = self.bias.ravel() - distances
        likeness = np.exp(likeness - likeness.max(1, keepdims=True))
        named = likeness.reshape(len(points), *self.bias.shape).sum(2)
        named /= named.sum(1, keepdims=True)
        total = weights @ named
        return np.asarray(total / total.sum(), dtype=np.float64)


@cache
def prototypes() -> Prototypes:
    """Return the fitted regions of `COLOUR_NAMES`."""
    kept = json.loads(files("feira.core.images").joinpath("colour_prototypes.json").read_text("utf-8"))
    rows = [kept["names"][name] for name in COLOUR_NAMES]
    centres, sharpness = (
        np.array([[p[part] for p in row] for row in rows], np.float32) for part in ("at", "sharpness")
    )
    return Prototypes(centres, sharpness, np.array([[p["bias"] for p in row] for row in rows], np.float32))


def colour_shares(pixels: Pixels, alpha: NDArray[np.uint8] | None = None) -> dict[str, float]:
    """Return the share of each of `COLOUR_NAMES` in what the picture shows, summing to 1, the largest first.

    Args:
        pixels: uint8 sRGB, shape (height, width, 3).
        alpha: opacity 0..255, shape (height, width), where the picture has any.
    """
    shares = prototypes().shares(find_foreground(pixels, alpha))
    order = np.argsort(-shares, kind="stable")
    return {COLOUR_NAMES[place]: float(shares[place]) for place in order}


def main_colours(shares: Mapping[str, float]) -> list[NamedColour]:
    """Return the colours one would name, at most three, the largest first; `MULTICOLOUR` after them when many compete.

    >>> main_colours({"red": 0.7, "white": 0.2, "black": 0.1})
    [NamedColour(name='red', share=0.7)]
    >>> [colour.name for colour in main_colours({"red": 0.35, "blue": 0.3, "pink": 0.2, "green": 0.15})]
    ['red', 'blue', 'pink', 'multicolour']
    """
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])
    best = ranked[0][1]
    least = min(best, max(_LEAST_SHARE, _LEAST_OF_BEST * best))
    named = [NamedColour(name, share) for name, share in ranked[:_MOST_NAMED] if share >= least]
    vivid = [share for name, share in ranked if name not in _COLOURLESS and share >= _MULTI_LEAST]
    if best < _MULTI_BEST and len(vivid) >= _MULTI_NAMES:
        named.append(NamedColour(MULTICOLOUR, min(1.0, sum(vivid))))
    return named
