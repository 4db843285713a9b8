"""What a recipe may cost at most, told from the recipe alone: before anything is decoded."""

from feira.core.augment.geometry import LARGEST_SIDE, Size
from feira.core.augment.recipe import Operation, Recipe


def most_pixels(recipe: Recipe, size: Size) -> int:
    """Return how many pixels the operations on one variant write at most, all of them together.

    Args:
        size: (width, height) of the picture that the first operation gets.

    >>> most_pixels(Recipe.from_json({"operations": [{"operation": "flip"}, {"operation": "grey"}]}), (30, 20))
    1200
    """
    area = size[0] * size[1]
    written = 0
    for operation in recipe.operations:
        after = _most_area_after(operation, area)
        # What may not happen leaves the picture as large as it was.
        area = max(area, after) if operation.probability < 1 else after
        written += max(area, after)
    return written


def _most_area_after(operation: Operation, area: int) -> int:
    if operation.name == "crop":
        side = operation.settings.whole("size")
        return side * side if side else area
    if operation.name == "resize":
        length = int(operation.settings.range("size")[1])
        # The other side is as long at most, or longer up to the limit where the shorter one is given.
        return length * (LARGEST_SIDE if operation.settings.choice("side") == "shorter" else length)
    return area
