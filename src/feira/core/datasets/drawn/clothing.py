"""Things to wear: T-shirts, dresses, hats and bags."""

import math

from feira.core.datasets.drawn.canvas import Canvas, Fabric, Outline, Point, ellipse, revolved, smooth
from feira.core.datasets.drawn.look import Kind, Look
from feira.core.datasets.drawn.palette import GILT, mixed

_ALL = ("plain", "striped", "dotted", "checked", "floral")


def mirrored(right: Outline) -> list[Point]:
    """Complete an outline from its right half, given from top to bottom."""
    return [*right, *((-x, y) for x, y in reversed(right))]


def _t_shirt(canvas: Canvas, look: Look) -> None:
    sleeve = {
        "short sleeves": [(0.84, -0.26), (0.66, -0.06)],
        "long sleeves": [(0.94, 0.5), (0.74, 0.56)],
        "v-neck": [(0.84, -0.26), (0.66, -0.06)],
    }[look.shape]
    side = [(0.2, -0.72), (0.36, -0.66), (0.52, -0.58), *sleeve, (0.5, -0.22), (0.48, 0.2), (0.5, 0.74)]
    right = [*side[:3], *smooth(side[2:5], closed=False, steps=4)[1:-1], *side[4:], (0.25, 0.77)]
    outline = mirrored(right)
    canvas.lie_shadow([outline])
    canvas.paint(ellipse(0, -0.7, 0.21, 0.06), look.plain(darker=0.4, volume=0.2))
    depth = 0.34 if look.shape == "v-neck" else 0.17
    if look.shape == "v-neck":
        neck = [(-0.2, -0.74), (0, -0.72 + depth), (0.2, -0.74)]
    else:
        neck = [(0.2 * math.cos(a), -0.73 + depth * math.sin(a)) for a in _half_turn()]
    canvas.paint(outline, look.fabric(volume=0.3, folds=0.75), holes=[neck])
    canvas.stroke(neck, look.plain(darker=0.14, volume=0.2), width=0.036)
    for x in (-1, 1):
        canvas.crease([(x * 0.5, -0.22), (x * 0.47, -0.4), (x * 0.5, -0.57)], width=0.014, strength=0.28)
        cuff = [(x * sleeve[0][0], sleeve[0][1]), (x * sleeve[1][0], sleeve[1][1])]
        canvas.crease([(u * 0.975, v - 0.035) for u, v in cuff], width=0.008, strength=0.25)
    canvas.crease([(-0.5, 0.70), (0, 0.73), (0.5, 0.70)], width=0.008, strength=0.25)


def _dress(canvas: Canvas, look: Look) -> None:
    hem, waist = {"a-line": (0.64, 0.25), "straight": (0.38, 0.3), "sleeved": (0.56, 0.26)}[look.shape]
    top = -0.96
    canvas.lie_shadow([mirrored([(0.17, top), (0.32, -0.6), (waist, -0.2), (hem, 0.9)])])
    body = [
        (0.13, top),
        (0.24, top + 0.02),
        (0.25, -0.76),
        (0.33, -0.6),
        (0.3, -0.4),
        (waist, -0.2),
        (waist + (hem - waist) * 0.4, 0.25),
    ]
    skirt = [(hem, 0.86), (hem * 0.5, 0.93)]
    right = [*body[:3], *smooth(body[2:], closed=False, steps=6)[1:], *skirt]
    if look.shape == "sleeved":
        for side in (-1, 1):
            arm = [
                (side * 0.2, top + 0.02),
                (side * 0.34, top + 0.1),
                (side * 0.56, -0.42),
                (side * 0.4, -0.34),
                (side * 0.27, -0.66),
            ]
            canvas.paint(arm, look.fabric(volume=0.4, folds=0.5))
    neck = [(0.135 * math.cos(a), top + 0.24 * math.sin(a)) for a in _half_turn()]
    canvas.paint(mirrored(right), look.fabric(volume=0.4, folds=1.0), holes=[neck])
    canvas.stroke(neck, look.plain(darker=0.15, volume=0.2), width=0.02)
    for x in (-0.55, -0.2, 0.15, 0.5):
        canvas.crease([(x * waist, -0.14), (x * hem * 0.72, 0.4), (x * hem * 0.9, 0.86)], width=0.016, strength=0.14)
    belt = look.plain(darker=0.35, volume=0.4)
    canvas.stroke([(-waist, -0.21), (0, -0.185), (waist, -0.21)], belt, width=0.055)
    canvas.crease(mirrored([(hem * 0.98, 0.82), (0.02, 0.89)])[:2], width=0.006, strength=0.15)


def _hat(canvas: Canvas, look: Look) -> None:
    {"wide brim": _wide_brim, "bucket": _bucket, "beanie": _beanie}[look.shape](canvas, look)


def _wide_brim(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.42, half_width=0.78)
    canvas.paint(ellipse(0, 0.28, 0.9, 0.24, points=100), look.plain(darker=0.05, volume=0.6))
    crown = revolved([(-0.34, 0.26), (-0.28, 0.37), (0.0, 0.42), (0.26, 0.45)], tilt=0.2)
    canvas.crease([(0.47 * math.cos(a), 0.27 + 0.11 * math.sin(a)) for a in _half_turn()], width=0.06, strength=0.4)
    canvas.paint(crown, look.fabric(volume=0.7, folds=0.3))
    canvas.paint(_band(0.445, 0.13, 0.26, sag=0.09), Fabric(mixed(look.second, (40, 30, 30), 0.35), volume=0.5))


def _bucket(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.44, half_width=0.66)
    canvas.paint(revolved([(0.1, 0.44), (0.28, 0.6), (0.4, 0.7)], tilt=0.2), look.fabric(volume=0.6, folds=0.3))
    canvas.paint(revolved([(-0.38, 0.3), (-0.3, 0.36), (0.12, 0.46)], tilt=0.2), look.fabric(volume=0.65, folds=0.3))
    canvas.crease([(0.46 * math.cos(a), 0.12 + 0.092 * math.sin(a)) for a in _half_turn()], width=0.02, strength=0.4)
    canvas.crease([(0.34 * math.cos(a), -0.3 + 0.06 * math.sin(a)) for a in _half_turn()], width=0.01, strength=0.22)


def _beanie(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.5, half_width=0.5)
    dome = smooth(
        [(0, -0.56), (0.34, -0.44), (0.5, -0.1), (0.52, 0.3), (0, 0.38), (-0.52, 0.3), (-0.5, -0.1), (-0.34, -0.44)]
    )
    canvas.paint(ellipse(0, -0.64, 0.15, 0.14), Fabric(look.second, volume=0.9, folds=1.0))
    canvas.paint(dome, look.fabric(volume=0.75, folds=0.5))
    canvas.paint(_band(0.55, 0.16, 0.44, sag=0.1), look.plain(darker=0.12, volume=0.55))
    for i in range(-8, 9):
        x = 0.55 * math.sin(i / 9 * 1.5)
        sag = 0.1 * (1 - (x / 0.55) ** 2) ** 0.5
        canvas.crease([(x, 0.18 + sag), (x, 0.43 + sag)], width=0.014, strength=0.22)


def _band(half_width: float, top: float, bottom: float, *, sag: float) -> Outline:
    """Return a band around a round thing, seen from the front."""
    above = [(half_width * math.cos(a), top + sag * math.sin(a)) for a in _half_turn()]
    below = [(half_width * 1.01 * math.cos(a), bottom + sag * math.sin(a)) for a in _half_turn()]
    return [*above, *reversed(below)]


def _bag(canvas: Canvas, look: Look) -> None:
    {"tote": _tote, "handbag": _handbag, "round": _round_bag}[look.shape](canvas, look)


def _tote(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.76, half_width=0.54)
    strap = look.plain(darker=0.3, volume=0.5)
    back = smooth([(-0.26, -0.14), (-0.2, -0.6), (0.0, -0.74), (0.2, -0.6), (0.26, -0.14)], closed=False)
    canvas.stroke([(x * 0.9, y - 0.05) for x, y in back], look.plain(darker=0.45, volume=0.4), width=0.055)
    canvas.paint(
        [(-0.52, -0.14), (0.52, -0.14), (0.58, 0.74), (0.3, 0.78), (-0.3, 0.78), (-0.58, 0.74)],
        look.fabric(volume=0.4, folds=0.8),
    )
    canvas.stroke(back, strap, width=0.06)
    for x in (-0.26, 0.26):
        canvas.stroke([(x, -0.14), (x * 1.01, 0.06)], strap, width=0.06)
    canvas.crease([(-0.52, -0.06), (0.52, -0.06)], width=0.008, strength=0.3)


def _handbag(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.62, half_width=0.64)
    leather = look.plain(darker=0.3, volume=0.7, gloss=0.2)
    canvas.stroke([(0.36 * math.cos(a), -0.1 - 0.5 * math.sin(a)) for a in _half_turn()], leather, width=0.07)
    body = smooth(
        [(-0.56, -0.1), (0, -0.13), (0.56, -0.1), (0.66, 0.3), (0.6, 0.6), (0, 0.65), (-0.6, 0.6), (-0.66, 0.3)]
    )
    canvas.paint(body, look.fabric(volume=0.6, gloss=0.15))
    flap = smooth([(-0.57, -0.11), (0, -0.14), (0.57, -0.11), (0.56, 0.12), (0, 0.3), (-0.56, 0.12)])
    canvas.crease([(x, y + 0.025) for x, y in flap], width=0.03, strength=0.2)
    canvas.paint(flap, look.plain(darker=0.1, volume=0.45, gloss=0.15))
    canvas.paint(ellipse(0, 0.27, 0.055, 0.055), Fabric(GILT, volume=0.8, gloss=0.5))


def _round_bag(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.72, half_width=0.42)
    leather = look.plain(darker=0.35, volume=0.6)
    line = smooth([(-0.5, 0.1), (-0.42, -0.6), (0.0, -0.92), (0.42, -0.6), (0.5, 0.1)], closed=False)
    canvas.stroke(line, leather, width=0.045)
    canvas.paint(ellipse(0, 0.18, 0.56, 0.55, points=100), look.plain(darker=0.28, volume=0.7))
    canvas.paint(ellipse(0, 0.18, 0.5, 0.49, points=100), look.fabric(volume=0.6))
    canvas.stroke([(0, -0.3), (0, -0.2)], Fabric(GILT, volume=0.7), width=0.04)


def _half_turn() -> list[float]:
    """Return angles from the right, through the front, to the left."""
    return [math.pi * i / 24 for i in range(25)]


CLOTHING = (
    Kind("T-shirt", ("Clothing", "T-shirts"), ("short sleeves", "long sleeves", "v-neck"), _ALL, _t_shirt, flat=True),
    Kind("dress", ("Clothing", "Dresses"), ("a-line", "straight", "sleeved"), _ALL, _dress, flat=True),
    Kind(
        "hat",
        ("Clothing", "Hats"),
        ("wide brim", "bucket", "beanie"),
        ("plain", "striped", "checked", "dotted"),
        _hat,
        bend=0.1,
        zoom=0.96,
    ),
    Kind("bag", ("Clothing", "Bags"), ("tote", "handbag", "round"), _ALL, _bag, zoom=1.12),
)
