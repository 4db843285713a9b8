"""Changed copies of photos that are pixels already."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from feira.core.augment.plan import Step, plan
from feira.core.augment.recipe import Recipe
from feira.core.types import Pixels


@dataclass(frozen=True, slots=True)
class Augmented:
    """A changed copy: `pixels`, uint8, shape (height, width, 3), and the `steps` that made it."""

    pixels: Pixels
    steps: tuple[Step, ...]


def augment(pixels: Pixels, recipe: Recipe, *, key: str, variant: int = 1) -> Augmented:
    """Return one variant of a photo: the same for the same arguments, whatever was made before.

    Args:
        pixels: uint8 sRGB, shape (height, width, 3), both sides at least 1; stays as it is.
        key: names the photo wherever it goes, such as its digest.
        variant: from 1.
    """
    height, width = pixels.shape[:2]
    steps = plan(recipe, key=key, variant=variant, size=(width, height))
    picture = Image.fromarray(pixels)
    for step in steps:
        picture = step.apply(picture)
    return Augmented(np.asarray(picture), steps)
