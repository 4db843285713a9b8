"""Seeded changes to photos, and the files that are exported of them.

    recipe = Recipe.from_json({"seed": 7, "variants": 3, "operations": [
        {"operation": "crop", "area": [0.35, 1]},
        {"operation": "flip", "probability": 0.5},
        {"operation": "jitter", "brightness": [0.8, 1.2], "hue": [-10, 10]},
    ]})                                        # or PRESETS["light"].changed(seed=7, variants=3)
    rule = ImageRule("longest", 512)           # or ImageRule.from_json({"fit": "square", "size": 224})

    photo, *variants = render(content, rule, recipe, key=photo_digest)    # in this process: for photos of ours
    photo.content, photo.width, photo.digest; variants[0].variant         # variants count from 1, the photo is 0
    [step.as_json() for step in variants[0].steps]                        # what chance decided, for metadata

Many photos, and photos of anybody, are rendered in processes with limits on time and memory, in order:

    with RenderPool(workers=2) as pool:        # works in a daemonic process too, such as a prefork worker's
        for outcome in pool.map(RenderTask(key, content, rule, recipe) for …):
            outcome.key, outcome.rendered, outcome.error    # error: InvalidImage of this photo, then `rendered` is ()

`render_one` makes a single variant, by its number; `augment(pixels, recipe, key=…, variant=1)` does the same to an
array. Recipe and rule are frozen and hashable; `as_json` and `from_json` go both ways; `canonical` and `digest` name a
recipe in a content hash. What is wrong with one is said by `InvalidRecipe` and `InvalidRule`: `field`, `allowed`.

The same arguments give the same bytes in any order, in any process, after any retry: each operation has a generator of
its own, made from the recipe's seed, the photo's key, the number of the variant and the operation's place.
"""

from feira.core.augment.apply import Augmented, augment
from feira.core.augment.fields import InvalidField, InvalidRecipe, InvalidRule
from feira.core.augment.kinds import KINDS
from feira.core.augment.plan import Step, plan
from feira.core.augment.pool import RenderOutcome, RenderPool, RenderTask
from feira.core.augment.presets import PRESETS
from feira.core.augment.recipe import Operation, Recipe
from feira.core.augment.render import Rendered, render, render_one
from feira.core.augment.rule import ImageRule

__all__ = [
    "KINDS",
    "PRESETS",
    "Augmented",
    "ImageRule",
    "InvalidField",
    "InvalidRecipe",
    "InvalidRule",
    "Operation",
    "Recipe",
    "RenderOutcome",
    "RenderPool",
    "RenderTask",
    "Rendered",
    "Step",
    "augment",
    "plan",
    "render",
    "render_one",
]
