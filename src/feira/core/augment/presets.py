"""Recipes to start from, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from feira.core.augment.recipe import Recipe


def _recipe(*operations: dict[str, Any]) -> Recipe:
    return Recipe.from_json({"operations": operations})


PRESETS: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "light": _recipe(
            {"operation": "crop", "area": [0.7, 1], "aspect": [0.9, 1.111111]},
            {"operation": "flip", "probability": 0.5},
            {"operation": "jitter", "brightness": [0.9, 1.1], "contrast": [0.9, 1.1], "saturation": [0.9, 1.1]},
        ),
        "strong": _recipe(
            {"operation": "crop", "area": [0.25, 1], "aspect": [0.75, 1.333333]},
            {"operation": "flip", "probability": 0.5},
            {"operation": "rotate", "probability": 0.4, "degrees": [-20, 20]},
            {"operation": "perspective", "probability": 0.3, "amount": [0, 0.2]},
            {
                "operation": "jitter",
                "probability": 0.8,
                "brightness": [0.6, 1.4],
                "contrast": [0.6, 1.4],
                "saturation": [0.6, 1.4],
                "hue": [-15, 15],
            },
            {"operation": "grey", "probability": 0.1},
            {"operation": "blur", "probability": 0.2, "radius": [0.3, 2]},
            {"operation": "cutout", "probability": 0.4, "count": [1, 3], "area": [0.02, 0.1]},
        ),
        "phone photos": _recipe(
            {"operation": "crop", "area": [0.5, 1], "aspect": [0.8, 1.25]},
            {"operation": "rotate", "probability": 0.5, "degrees": [-8, 8]},
            {"operation": "perspective", "probability": 0.5, "amount": [0, 0.12]},
            {
                "operation": "jitter",
                "brightness": [0.65, 1.25],
                "contrast": [0.75, 1.15],
                "saturation": [0.7, 1.15],
                "hue": [-6, 6],
            },
            {"operation": "blur", "probability": 0.4, "radius": [0.3, 1.2]},
            {"operation": "noise", "probability": 0.5, "deviation": [2, 12]},
            {"operation": "jpeg", "probability": 0.7, "quality": [35, 85]},
        ),
    }
)
"""`light` keeps what is sold recognisable at a glance; `strong` is for training from scratch; `phone photos` makes
studio photos look as if taken in a hurry: crooked, dim, slightly blurred, noisy, compressed. Seed 0, one variant."""
