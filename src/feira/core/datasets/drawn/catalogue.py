"""Listings with photos, made from a seed and a number alone: any process can make any of them, in any order."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from feira.core.datasets.drawn.canvas import Canvas, View
from feira.core.datasets.drawn.look import Kind, Look
from feira.core.datasets.drawn.palette import COLOURS, backdrop, second_colour
from feira.core.datasets.drawn.patterns import PATTERNS
from feira.core.datasets.drawn.plan import DrawPlan, KindPlan
from feira.core.datasets.drawn.wording import description_of, title_of

_CONDITIONS: Final = ("new", "like_new", "good", "fair")
_CONDITION_WEIGHTS: Final = (2, 3, 4, 1)
_SECOND_PHOTO_SHARE: Final = 0.35


@dataclass(frozen=True, slots=True)
class DrawnListing:
    """A listing with everything known about it.

    Attributes:
        key: stable name, such as `drawn-7-000012` for number 12 of seed 7.
        category: path from the top.
        attributes: `kind`, `colour`, `pattern` and `shape`; what retrieval is scored on.
        price: with two decimals.
        condition: new, like_new, good or fair.
        photos: JPEG files of 640 x 800 pixels, the main one first.
    """

    key: str
    title: str
    description: str
    category: tuple[str, ...]
    attributes: Mapping[str, str]
    price: Decimal
    condition: str
    photos: tuple[bytes, ...]


def draw_catalogue(count: int, seed: int = 0, plan: DrawPlan | None = None) -> Iterator[DrawnListing]:
    """Draw listings 0 to `count` - 1, one at a time."""
    plan = plan or DrawPlan.usual()
    return (draw_listing(number, seed=seed, plan=plan) for number in range(count))


def draw_listing(number: int, *, seed: int = 0, plan: DrawPlan | None = None) -> DrawnListing:
    """Draw one listing; the same seed, number and plan give the same bytes with the same versions of the libraries."""
    cycle = (plan or DrawPlan.usual()).cycle()
    entry = cycle[number % len(cycle)]
    kind, rng = entry.kind, Random(f"{seed}:{number}")
    colour = rng.choice(sorted(COLOURS))
    pattern = rng.choice(kind.patterns)
    shape = rng.choice(kind.shapes)
    condition = rng.choices(_CONDITIONS, _CONDITION_WEIGHTS)[0]
    look = Look(
        colour=COLOURS[colour],
        second=second_colour(rng, COLOURS[colour]),
        motif=PATTERNS[pattern](rng, kind.bend),
        shape=shape,
        detail_seed=f"{seed}:{number}:details",
    )
    words = {"kind": kind.name, "colour": colour, "pattern": pattern, "shape": shape}
    photo_count = 2 if rng.random() < _SECOND_PHOTO_SHARE else 1
    return DrawnListing(
        key=f"drawn-{seed}-{number:06d}",
        title=title_of(rng, **words),
        description=description_of(rng, **words, condition=condition),
        category=kind.category,
        attributes=words,
        price=_price(rng, entry, condition=condition),
        condition=condition,
        photos=tuple(_photo(Random(f"{seed}:{number}:photo:{i}"), kind, look, number=i) for i in range(photo_count)),
    )


def _photo(rng: Random, kind: Kind, look: Look, *, number: int) -> bytes:
    """Draw one photo; a later one comes nearer, from another side and in other light."""
    wall, floor = backdrop(rng, look.colour)
    turn = math.radians(rng.gauss(0, 3.0 if kind.flat else 1.4))
    if number == 0:
        shift = (rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05) - kind.lift)
        view = View(turn, kind.zoom * rng.uniform(0.9, 1.02), shift)
    else:
        shift = (rng.uniform(-0.12, 0.12), rng.uniform(-0.1, 0.1) - kind.lift)
        view = View(turn * 1.6, kind.zoom * rng.uniform(1.06, 1.2), shift, mirrored=True)
    canvas = Canvas(rng, wall=wall, floor=floor, view=view, flat=kind.flat)
    kind.draw(canvas, look)
    return canvas.jpeg()


def _price(rng: Random, entry: KindPlan, *, condition: str) -> Decimal:
    """Return a price within the range, lower for worn things, ending as shops like it."""
    worth = (rng.random() + (3 - _CONDITIONS.index(condition)) / 3) / 2
    raw = entry.lowest + (entry.highest - entry.lowest) * Decimal(round(worth, 4))
    ending = rng.choice((Decimal(0), Decimal("0.5"), Decimal("0.9")))
    return min(max(raw // 1 + ending, entry.lowest), entry.highest).quantize(Decimal("0.01"))
