"""Patterns as outlines in studio units, large enough to cover any thing."""

import math
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Final

from feira.core.datasets.drawn.canvas import Outline, ellipse

_REACH = 1.3


def _plain(rng: Random, bend: float) -> list[Outline]:
    del rng, bend
    return []


def _striped(rng: Random, bend: float) -> list[Outline]:
    """Stripes across; on round things (`bend` > 0) they sag like the rim does."""
    step = rng.choice([0.13, 0.17, 0.22])
    thickness = step * rng.choice([0.35, 0.5, 0.6])
    stripes: list[Outline] = []
    y = -_REACH + rng.uniform(0, step)
    while y < _REACH:
        above = [(x, y + bend * (1 - (x / 0.8) ** 2)) for x in _STEPS]
        stripes.append([*above, *((x, line + thickness) for x, line in reversed(above))])
        y += step
    return stripes


def _dotted(rng: Random, bend: float) -> list[Outline]:
    del bend
    step = rng.choice([0.15, 0.19, 0.24])
    radius = step * rng.choice([0.2, 0.27])
    rows = int(2 * _REACH / (step * 0.87))
    return [
        ellipse(-_REACH + (column + row % 2 / 2) * step, -_REACH + row * step * 0.87, radius, radius, points=20)
        for row in range(rows)
        for column in range(int(2 * _REACH / step))
    ]


def _checked(rng: Random, bend: float) -> list[Outline]:
    """A chessboard; single squares, so that no two outlines overlap."""
    step = rng.choice([0.12, 0.16, 0.2])
    count = int(2 * _REACH / step)
    squares: list[Outline] = []
    for row in range(count):
        for column in range(row % 2, count, 2):
            x, y = -_REACH + column * step, -_REACH + row * step
            sag = bend * (1 - ((x + step / 2) / 0.8) ** 2)
            squares.append([(x, y + sag), (x + step, y + sag), (x + step, y + step + sag), (x, y + step + sag)])
    return squares


def _floral(rng: Random, bend: float) -> list[Outline]:
    """Five-petalled flowers, loosely scattered, each with a leaf."""
    del bend
    step = rng.choice([0.27, 0.33])
    flowers: list[Outline] = []
    rows = int(2 * _REACH / step) + 1
    for row in range(rows):
        for column in range(rows):
            x = -_REACH + (column + row % 2 / 2) * step + rng.uniform(-0.05, 0.05)
            y = -_REACH + row * step + rng.uniform(-0.05, 0.05)
            flowers.extend(_flower(x, y, size=step * rng.uniform(0.26, 0.36), turn=rng.uniform(0, 6.3)))
    return flowers


def _flower(x: float, y: float, *, size: float, turn: float) -> list[Outline]:
    petals = [turn + 2 * math.pi * i / 5 for i in range(5)]
    return [
        *(
            ellipse(
                x + math.cos(a) * size * 0.62, y + math.sin(a) * size * 0.62, size * 0.4, size * 0.27, turn=a, points=16
            )
            for a in petals
        ),
        ellipse(
            x + math.cos(turn + 0.6) * size * 1.55,
            y + math.sin(turn + 0.6) * size * 1.55,
            size * 0.34,
            size * 0.13,
            turn=turn + 0.9,
            points=12,
        ),
    ]


_STEPS: Final = [-1.3 + 2.6 * i / 24 for i in range(25)]

PATTERNS: Final[Mapping[str, Callable[[Random, float], list[Outline]]]] = MappingProxyType(
    {"plain": _plain, "striped": _striped, "dotted": _dotted, "checked": _checked, "floral": _floral}
)
"""Name of a pattern and how to draw it: called with a source of chance and the sag of horizontal lines."""
