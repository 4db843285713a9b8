"""Lamps, chairs, books and balls."""

import math

from feira.core.datasets.drawn.canvas import Canvas, Fabric, ellipse, revolved
from feira.core.datasets.drawn.look import Kind, Look
from feira.core.datasets.drawn.palette import CREAM, GILT, mixed

_WOODS = ((170, 122, 78), (134, 92, 58), (196, 156, 110))


def _lamp(canvas: Canvas, look: Look) -> None:
    details = look.details()
    metal = Fabric(details.choice([(60, 58, 60), (196, 158, 92), *_WOODS]), volume=0.8, gloss=0.5)
    canvas.stand_shadow(y=0.82, half_width=0.32)
    canvas.paint(revolved([(0.76, 0.3), (0.8, 0.31), (0.83, 0.3)], tilt=0.2), metal)
    canvas.stroke([(0, 0.78), (0, 0.3), (0, -0.2)], metal, width=0.05)
    if details.random() < 0.5:
        canvas.paint(ellipse(0, 0.5, 0.17, 0.22), metal)
    profile = {
        "cone": [(-0.74, 0.2), (-0.4, 0.38), (-0.1, 0.56)],
        "dome": [(-0.72, 0.06), (-0.62, 0.3), (-0.42, 0.48), (-0.14, 0.56)],
        "drum": [(-0.7, 0.5), (-0.4, 0.5), (-0.1, 0.5)],
    }[look.shape]
    bottom, half_width = profile[-1]
    canvas.paint(ellipse(0, bottom, half_width, half_width * 0.14), Fabric((255, 236, 190), volume=0.1))
    canvas.paint(revolved(profile, tilt=0.14), look.fabric(volume=0.55, gloss=0.25))
    if look.shape != "dome":
        top, narrow = profile[0]
        canvas.paint(ellipse(0, top, narrow, narrow * 0.14), Fabric((255, 240, 204), volume=0.15))


def _chair(canvas: Canvas, look: Look) -> None:
    wood = Fabric(look.details().choice(_WOODS), volume=0.6)
    back_top = {"high back": -0.86, "low back": -0.42, "round back": -0.62}[look.shape]
    canvas.stand_shadow(y=0.9, half_width=0.56)
    for x, foot in ((-0.36, 0.78), (0.36, 0.78)):
        canvas.stroke(
            [(x, 0.2), (x * 1.04, foot)], Fabric(mixed(wood.colour, (20, 14, 10), 0.3), volume=0.5), width=0.06
        )
    if look.shape == "round back":
        canvas.paint(ellipse(0, back_top + 0.36, 0.44, 0.42), look.fabric(volume=0.6, folds=0.5))
    else:
        for x in (-0.37, 0.37):
            canvas.stroke([(x, 0.16), (x * 1.02, back_top + 0.03)], wood, width=0.06)
        canvas.paint(_rounded(-0.41, back_top, 0.41, 0.0, 0.09), look.fabric(volume=0.6, folds=0.5))
    for x in (-0.46, 0.46):
        canvas.stroke([(x, 0.24), (x * 1.06, 0.9)], wood, width=0.07)
    seat = [(-0.4, 0.06), (0.4, 0.06), (0.53, 0.24), (0.53, 0.33), (-0.53, 0.33), (-0.53, 0.24)]
    canvas.paint(seat, look.fabric(volume=0.45, folds=0.3))
    canvas.paint([(-0.53, 0.25), (0.53, 0.25), (0.53, 0.34), (-0.53, 0.34)], look.plain(darker=0.16, volume=0.4))


def _book(canvas: Canvas, look: Look) -> None:
    {"upright": _upright_book, "stack": _stack_of_books}[look.shape](canvas, look)


def _upright_book(canvas: Canvas, look: Look) -> None:
    details = look.details()
    canvas.stand_shadow(y=0.72, half_width=0.5)
    canvas.paint([(0.46, -0.7), (0.58, -0.63), (0.58, 0.68), (0.46, 0.72)], Fabric((238, 230, 212), volume=0.3))
    for i in range(5):
        x = 0.475 + i * 0.022
        canvas.crease([(x, -0.66 + i * 0.012), (x, 0.7 - i * 0.008)], width=0.004, strength=0.18)
    canvas.paint([(-0.5, -0.72), (0.48, -0.72), (0.48, 0.72), (-0.5, 0.72)], look.fabric(volume=0.18, gloss=0.12))
    canvas.paint([(-0.5, -0.72), (-0.4, -0.72), (-0.4, 0.72), (-0.5, 0.72)], look.plain(darker=0.25, volume=0.3))
    canvas.paint(_rounded(-0.26, -0.46, 0.36, -0.02, 0.03), Fabric(CREAM, volume=0.1))
    for line, width in enumerate((0.42, 0.3, details.uniform(0.16, 0.36))):
        y = -0.34 + line * 0.1
        canvas.stroke([(0.05 - width / 2, y), (0.05 + width / 2, y)], look.plain(darker=0.4, volume=0.0), width=0.028)
    canvas.stroke([(-0.08, 0.5), (0.18, 0.5)], Fabric(CREAM, volume=0.0), width=0.022)


def _stack_of_books(canvas: Canvas, look: Look) -> None:
    details = look.details()
    canvas.stand_shadow(y=0.66, half_width=0.68)
    others = [mixed(look.colour, (30, 26, 30), 0.45), look.second, mixed(look.colour, CREAM, 0.45)]
    y = 0.66
    for i in range(4):
        thickness, inset = details.uniform(0.2, 0.28), details.uniform(0, 0.16)
        left, right = -0.7 + inset + details.uniform(-0.05, 0.05), 0.7 - inset
        fabric = look.fabric(volume=0.4) if i in (1, 3) else Fabric(others[i % 3], volume=0.4)
        canvas.paint(_rounded(left, y - thickness, right, y, 0.04), fabric)
        for x in (left + 0.1, right - 0.1):
            canvas.paint(_bar(x - 0.014, y - thickness, x + 0.014, y), Fabric(GILT, volume=0.3))
        middle, label = (left + right) / 2, details.uniform(0.2, 0.34)
        canvas.paint(
            _bar(middle - label, y - thickness * 0.74, middle + label, y - thickness * 0.26), Fabric(CREAM, volume=0.2)
        )
        line = [(middle - label * 0.7, y - thickness / 2), (middle + label * 0.7, y - thickness / 2)]
        canvas.stroke(line, Fabric(mixed(fabric.colour, (20, 16, 20), 0.5), volume=0.0), width=0.022)
        canvas.crease([(left, y), (right, y)], width=0.014, strength=0.3)
        y -= thickness + 0.006


def _ball(canvas: Canvas, look: Look) -> None:
    radius = {"small": 0.46, "large": 0.66}[look.shape]
    canvas.stand_shadow(y=0.62, half_width=radius * 0.7)
    centre = 0.62 - radius * 0.97
    canvas.paint(ellipse(0, centre, radius, radius, points=120), look.fabric(volume=0.95))
    glow = ellipse(
        canvas.light_from * radius * 0.42,
        centre - radius * 0.45,
        radius * 0.2,
        radius * 0.13,
        turn=-0.5 * canvas.light_from,
    )
    canvas.shine(glow, blur=3.4, strength=0.75)


def _bar(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> list[tuple[float, float]]:
    """Return a rectangle with round corners."""
    corners = (
        (right - radius, top + radius, -0.5),
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, 0.5),
        (left + radius, top + radius, 1.0),
    )
    return [
        (x + radius * math.cos(math.pi * (start + i / 12)), y + radius * math.sin(math.pi * (start + i / 12)))
        for x, y, start in corners
        for i in range(7)
    ]


FURNISHING = (
    Kind(
        "lamp",
        ("Home", "Lamps"),
        ("cone", "dome", "drum"),
        ("plain", "striped", "dotted", "floral"),
        _lamp,
        bend=0.06,
        zoom=1.08,
        lift=0.04,
    ),
    Kind(
        "chair",
        ("Furniture", "Chairs"),
        ("high back", "low back", "round back"),
        ("plain", "striped", "checked", "floral"),
        _chair,
        zoom=1.02,
        lift=0.0,
    ),
    Kind(
        "book",
        ("Leisure", "Books"),
        ("upright", "stack"),
        ("plain", "striped", "dotted", "checked"),
        _book,
        zoom=1.14,
        lift=0,
    ),
    Kind(
        "ball",
        ("Leisure", "Balls"),
        ("small", "large"),
        ("plain", "striped", "dotted", "checked"),
        _ball,
        bend=0.2,
        zoom=1.14,
        lift=-0.02,
    ),
)
