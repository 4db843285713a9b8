"""The operations a recipe may name: fields, how parameters are drawn, how they are applied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from PIL import Image

from feira.core.augment import geometry, light, wear
from feira.core.augment.fields import Field, Settings

Size: TypeAlias = tuple[int, int]
Parameters: TypeAlias = dict[str, Any]


def _draw_nothing(_settings: Settings, _rng: Random, _size: Size) -> Parameters:
    return {}


def _same_size(_parameters: Parameters, size: Size) -> Size:
    return size


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation.

    Attributes:
        about: a line for people.
        fields: its settings, in the order in which recipes write them.
        draw: from settings, chance and the size (width, height) of the picture, parameters as JSON.
        apply: from an RGB picture and parameters, an RGB picture; the given one stays as it is.
        size_after: from parameters and the size before, the size after.
    """

    name: str
    about: str
    apply: Callable[[Image.Image, Parameters], Image.Image]
    draw: Callable[[Settings, Random, Size], Parameters] = _draw_nothing
    fields: tuple[Field, ...] = ()
    size_after: Callable[[Parameters, Size], Size] = _same_size


_ALL = (
    Kind("flip", "exchange left and right, or top and bottom", geometry.flip, geometry.draw_flip, geometry.FLIP),
    Kind("rotate", "turn about the middle", geometry.rotate, geometry.draw_rotate, geometry.ROTATE),
    Kind(
        "crop",
        "cut out a part of random area, shape and place",
        geometry.crop,
        geometry.draw_crop,
        geometry.CROP,
        geometry.size_after_crop,
    ),
    Kind(
        "resize",
        "change the size",
        geometry.resize,
        geometry.draw_resize,
        geometry.RESIZE,
        geometry.size_after_resize,
    ),
    Kind(
        "perspective",
        "look from another side",
        geometry.perspective,
        geometry.draw_perspective,
        geometry.PERSPECTIVE,
    ),
    Kind("jitter", "change brightness, contrast, saturation and hue", light.jitter, light.draw_jitter, light.JITTER),
    Kind("grey", "take the colour away", light.grey),
    Kind("blur", "put out of focus", wear.blur, wear.draw_blur, wear.BLUR),
    Kind("noise", "add the noise of a small sensor", wear.noise, wear.draw_noise, wear.NOISE),
    Kind("jpeg", "compress as a JPEG file and read it back", wear.jpeg, wear.draw_jpeg, wear.JPEG),
    Kind("cutout", "paint rectangles over", wear.cutout, wear.draw_cutout, wear.CUTOUT),
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _ALL})
"""By name, in the order in which people are shown them."""
