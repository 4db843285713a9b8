"""What chance decides for one variant of one photo, before any pixel is touched."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

from feira.core.augment.draws import generator
from feira.core.augment.geometry import Size
from feira.core.augment.kinds import KINDS, Parameters
from feira.core.augment.recipe import Recipe
from feira.core.augment.rule import ImageRule


@dataclass(frozen=True, slots=True)
class Step:
    """An operation that happens, with all that was left to chance.

    Attributes:
        operation: its name.
        place: in the recipe, from 0.
        parameters: JSON; lengths are pixels of the picture that the operation meets.
    """

    operation: str
    place: int
    parameters: Parameters

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `metadata.json`."""
        return {"operation": self.operation, "place": self.place, **self.parameters}

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the changed RGB picture; the given one stays as it is."""
        return KINDS[self.operation].apply(picture, self.parameters)


def plan(recipe: Recipe, *, key: str, variant: int, size: Size, rule: ImageRule | None = None) -> tuple[Step, ...]:
    """Return the steps that make a variant, in order.

    The generator of each operation is made from the recipe's seed, `key`, `variant` and the operation's place. So a
    variant is the same whatever was made before it, wherever, and however often.

    Args:
        key: names the photo, and goes with it wherever it goes: its digest, say. Not its place in a list.
        variant: from 1.
        size: (width, height) of the upright photo.
        rule: with it, operations meet the photo in the rule's size; only a crop that comes first meets it whole.
    """
    steps: list[Step] = []
    for place, operation in enumerate(recipe.operations):
        if place == 0 and rule and operation.name != "crop":
            size = rule.size_for(size)
        rng = generator(seed=recipe.seed, key=key, variant=variant, place=place)
        happens = rng.random() < operation.probability
        if happens:
            settings = operation.settings
            if place == 0 and operation.name == "crop" and rule and rule.fit == "square" and rule.size:
                # Cut in the shape that is wanted: a centre square of the part would be cut twice.
                settings = settings.with_whole("size", settings.whole("size") or rule.size)
            step = Step(operation.name, place, operation.kind.draw(settings, rng, size))
            steps.append(step)
            size = operation.kind.size_after(step.parameters, size)
        if place == 0 and rule and operation.name == "crop":
            size = rule.size_for(size)
    return tuple(steps)
