"""What is known about one drawn thing before it is drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from feira.core.datasets.drawn.canvas import Canvas, Fabric, Outline
from feira.core.datasets.drawn.palette import Colour, mixed


@dataclass(frozen=True, slots=True)
class Look:
    """One thing: its colours, its pattern, its shape, and a seed for details that all its photos share."""

    colour: Colour
    second: Colour
    motif: Sequence[Outline]
    shape: str
    detail_seed: str

    def details(self) -> Random:
        """Return the same chance for each photo of the thing."""
        return Random(self.detail_seed)

    def fabric(self, *, volume: float = 0.6, folds: float = 0.0, gloss: float = 0.0) -> Fabric:
        """Return the patterned main material."""
        return Fabric(self.colour, self.second, self.motif, volume=volume, folds=folds, gloss=gloss)

    def plain(self, *, darker: float = 0.0, volume: float = 0.6, folds: float = 0.0, gloss: float = 0.0) -> Fabric:
        """Return the main material without its pattern, perhaps in shadow."""
        return Fabric(mixed(self.colour, (24, 18, 20), darker), volume=volume, folds=folds, gloss=gloss)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that can be drawn.

    Attributes:
        name: as in a title, `mug`.
        category: path from the top, `("Home", "Mugs")`.
        shapes: what the attribute `shape` can be.
        patterns: which patterns suit it.
        bend: how much horizontal stripes sag around it.
        flat: seen from above or hanging, without a floor.
        draw: draws it on a canvas.
        zoom: how near the camera stands, so that small things fill the photo too.
        lift: how far the camera looks down, in studio units, so that low things stand in the middle.
    """

    name: str
    category: tuple[str, ...]
    shapes: tuple[str, ...]
    patterns: tuple[str, ...]
    draw: Callable[[Canvas, Look], None]
    bend: float = 0.0
    flat: bool = False
    zoom: float = 1.0
    lift: float = 0.0
