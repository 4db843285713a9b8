"""Things for the table: mugs, vases, bowls and plants."""

import math

from feira.core.datasets.drawn.canvas import Canvas, Fabric, Outline, ellipse, revolved, smooth
from feira.core.datasets.drawn.look import Kind, Look
from feira.core.datasets.drawn.palette import Colour, mixed

_ALL = ("plain", "striped", "dotted", "checked", "floral")
_GREENS: tuple[Colour, ...] = ((62, 112, 70), (84, 138, 84), (46, 94, 66), (110, 150, 90))


def opening(
    canvas: Canvas, look: Look, *, y: float, half_width: float, tilt: float = 0.16, filled: Colour | None = None
) -> None:
    """Draw the rim of a vessel and what one sees inside."""
    canvas.paint(ellipse(0, y, half_width, half_width * tilt), look.plain(darker=-0.12, volume=0.1))
    inside = Fabric(filled or mixed(look.colour, (24, 18, 20), 0.45), volume=0.5)
    canvas.paint(ellipse(0, y + 0.006, half_width * 0.93, half_width * tilt * 0.86), inside)


def _mug(canvas: Canvas, look: Look) -> None:
    wide, tall = {"round handle": (0.44, 0.92), "wide": (0.56, 0.74), "tall": (0.36, 1.12)}[look.shape]
    foot, top = 0.62, 0.62 - tall
    canvas.stand_shadow(y=foot + 0.02, half_width=wide)
    middle, reach = (top + foot) / 2 - 0.02, tall * 0.30
    handle = [
        (wide * 0.92 + math.cos(a) * reach * 0.95, middle + math.sin(a) * reach)
        for a in (math.pi * (i / 24 - 0.5) for i in range(25))
    ]
    canvas.stroke(handle, look.plain(darker=0.06, volume=0.75, gloss=0.3), width=0.1)
    body = revolved([(top, wide), (top + tall * 0.5, wide * 0.99), (foot - 0.12, wide * 0.95), (foot, wide * 0.82)])
    canvas.paint(body, look.fabric(volume=0.7, gloss=0.7))
    drink = look.details().choice([None, None, (74, 44, 28), (150, 100, 54)])
    opening(canvas, look, y=top, half_width=wide, filled=drink)


def _vase(canvas: Canvas, look: Look) -> None:
    profile = {
        "bottle": [(-0.55, 0.13), (-0.25, 0.12), (-0.02, 0.2), (0.2, 0.4), (0.5, 0.42), (0.68, 0.26)],
        "round": [(-0.28, 0.2), (-0.18, 0.18), (0.02, 0.4), (0.28, 0.54), (0.54, 0.42), (0.68, 0.24)],
        "tapered": [(-0.45, 0.36), (-0.3, 0.34), (0.0, 0.38), (0.4, 0.3), (0.68, 0.2)],
    }[look.shape]
    canvas.stand_shadow(y=0.69, half_width=0.36)
    top, half_width = profile[0]
    details = look.details()
    canvas.paint(ellipse(0, top, half_width, half_width * 0.16), look.plain(darker=0.5, volume=0.2))
    if details.random() < 0.65:
        _stems(canvas, look, top=top, spread=half_width)
    canvas.paint(revolved(profile, tilt=0.15, front_only=True), look.fabric(volume=0.8, gloss=0.6))
    front = [(half_width * math.cos(a), top + half_width * 0.15 * math.sin(a)) for a in _HALF_TURN]
    canvas.stroke(front, look.plain(darker=-0.15, volume=0.2), width=0.022)


_HALF_TURN = [math.pi * i / 24 for i in range(25)]


def _stems(canvas: Canvas, look: Look, *, top: float, spread: float) -> None:
    details = look.details()
    green = details.choice(_GREENS)
    blossom = details.choice([(236, 196, 190), (246, 226, 160), (250, 244, 236), (206, 120, 120), (190, 170, 214)])
    for i in range(details.choice([3, 5])):
        lean = (i - 2) * 0.16 + details.uniform(-0.05, 0.05)
        tip = (lean * 1.7, top - details.uniform(0.32, 0.55))
        line = smooth([(lean * spread, top + 0.05), (lean * 0.8, top - 0.2), tip], closed=False)
        canvas.stroke(line, Fabric(green, volume=0.3), width=0.02)
        leaf_x, leaf_y = line[len(line) // 2]
        canvas.paint(
            _leaf(leaf_x, leaf_y, length=0.17, width=0.05, turn=-0.9 if lean > 0 else -2.2), Fabric(green, volume=0.4)
        )
        for petal in range(6):
            a = petal * math.pi / 3 + lean
            place = (tip[0] + math.cos(a) * 0.055, tip[1] + math.sin(a) * 0.055)
            canvas.paint(ellipse(*place, 0.055, 0.04, turn=a, points=20), Fabric(blossom, volume=0.35))
        canvas.paint(ellipse(*tip, 0.03, 0.03, points=20), Fabric((214, 160, 70), volume=0.5))


def _bowl(canvas: Canvas, look: Look) -> None:
    wide, tall = {"shallow": (0.74, 0.36), "deep": (0.6, 0.58)}[look.shape]
    foot, top = 0.5, 0.5 - tall
    canvas.stand_shadow(y=foot + 0.04, half_width=wide * 0.66)
    canvas.paint(revolved([(foot - 0.05, wide * 0.4), (foot + 0.05, wide * 0.38)]), look.plain(darker=0.2, volume=0.7))
    body = revolved(
        [(top, wide), (top + tall * 0.4, wide * 0.93), (top + tall * 0.78, wide * 0.68), (foot, wide * 0.4)]
    )
    canvas.paint(body, look.fabric(volume=0.75, gloss=0.45))
    opening(canvas, look, y=top, half_width=wide, tilt=0.26)
    if look.details().random() < 0.5:
        _fruit(canvas, look, y=top, wide=wide)


def _fruit(canvas: Canvas, look: Look, *, y: float, wide: float) -> None:
    details = look.details()
    skin = details.choice([(226, 136, 46), (196, 60, 48), (226, 196, 70), (142, 168, 66)])
    for x, lift in ((-0.42, 0.02), (0.4, 0.02), (0.0, 0.04)):
        canvas.paint(ellipse(x * wide, y - lift - 0.06, 0.19, 0.185), Fabric(skin, volume=0.8, gloss=0.25))
        canvas.stroke(
            [(x * wide, y - lift - 0.21), (x * wide + 0.015, y - lift - 0.26)], Fabric((90, 70, 44)), width=0.016
        )
    # The near rim again, so that the fruit lies inside.
    rim = [(wide * math.cos(a), y + wide * 0.26 * math.sin(a)) for a in _HALF_TURN]
    hidden = [(wide * math.cos(a) * 0.98, y + wide * 0.13 + wide * 0.15 * math.sin(a)) for a in _HALF_TURN]
    canvas.paint([*rim, *reversed(hidden)], look.plain(darker=0.03, volume=0.25))
    canvas.stroke(rim, look.plain(darker=-0.1, volume=0.2), width=0.018)


def _plant(canvas: Canvas, look: Look) -> None:
    canvas.stand_shadow(y=0.78, half_width=0.33)
    {"long leaves": _long_leaves, "round leaves": _round_leaves, "cactus": _cactus}[look.shape](canvas, look)
    pot = revolved([(0.2, 0.4), (0.3, 0.39), (0.6, 0.34), (0.78, 0.29)], tilt=0.13, front_only=True)
    canvas.paint(pot, look.fabric(volume=0.7, gloss=0.25))
    canvas.paint(
        [(-0.42, 0.16), (0.42, 0.16), *((0.42 * math.cos(a), 0.27 + 0.055 * math.sin(a)) for a in _HALF_TURN)],
        look.plain(volume=0.6, gloss=0.2),
    )


def _long_leaves(canvas: Canvas, look: Look) -> None:
    details = look.details()
    for i in range(9):
        lean = -1.0 + 2.0 * i / 8 + details.uniform(-0.08, 0.08)
        length = details.uniform(0.85, 1.1) * (1 - 0.22 * abs(lean))
        canvas.paint(
            _leaf(lean * 0.14, 0.2, length=length, width=0.085, turn=-math.pi / 2 + lean * 0.62),
            Fabric(details.choice(_GREENS), volume=0.65, gloss=0.12),
        )


def _round_leaves(canvas: Canvas, look: Look) -> None:
    details = look.details()
    for i in range(13):
        lean = -1.0 + 2.0 * ((i * 5) % 13) / 12
        reach = details.uniform(0.45, 0.98)
        tip = (lean * 0.62 * reach + details.uniform(-0.05, 0.05), 0.18 - reach * (1.05 - 0.35 * abs(lean)))
        green = details.choice(_GREENS)
        canvas.stroke(
            smooth([(lean * 0.1, 0.2), (lean * 0.3, (0.2 + tip[1]) / 2), tip], closed=False),
            Fabric(mixed(green, (60, 60, 30), 0.3)),
            width=0.018,
        )
        canvas.paint(ellipse(*tip, 0.17, 0.14, turn=lean, points=40), Fabric(green, volume=0.55, gloss=0.1))


def _cactus(canvas: Canvas, look: Look) -> None:
    green = look.details().choice(_GREENS)
    skin, rib = Fabric(green, volume=0.85), Fabric(mixed(green, (230, 236, 190), 0.35), volume=0.1)
    for side, height, arm in ((-1, -0.2, 0.34), (1, -0.36, 0.38)):
        elbow = smooth(
            [
                (0, height + 0.16),
                (side * arm * 0.75, height + 0.13),
                (side * arm, height - 0.02),
                (side * arm, height - 0.22),
            ],
            closed=False,
        )
        canvas.stroke(elbow, skin, width=0.17)
    canvas.stroke([(0, 0.3), (0, -0.2), (0, -0.62)], skin, width=0.34)
    for x in (-0.1, 0.0, 0.1):
        canvas.stroke([(x, 0.2), (x, -0.66 + abs(x))], rib, width=0.012)


def _leaf(x: float, y: float, *, length: float, width: float, turn: float) -> Outline:
    """Return a pointed leaf that grows from (x, y) in direction `turn` (radians, 0 to the right)."""
    along = [i / 14 for i in range(15)]
    cosine, sine = math.cos(turn), math.sin(turn)
    rim = [(t * length, width * math.sin(math.pi * t**0.8)) for t in along]
    rim += [(t * length, -width * math.sin(math.pi * t**0.8)) for t in reversed(along)]
    return [(x + u * cosine - v * sine, y + u * sine + v * cosine) for u, v in rim]


HOMEWARE = (
    Kind("mug", ("Home", "Mugs"), ("round handle", "wide", "tall"), _ALL, _mug, bend=0.06, zoom=1.24, lift=0.1),
    Kind("vase", ("Home", "Vases"), ("bottle", "round", "tapered"), _ALL, _vase, bend=0.06, zoom=1.04, lift=-0.05),
    Kind("bowl", ("Home", "Bowls"), ("shallow", "deep"), _ALL, _bowl, bend=0.14, zoom=1.14, lift=0.14),
    Kind(
        "plant",
        ("Garden", "Potted plants"),
        ("long leaves", "round leaves", "cactus"),
        ("plain", "striped", "dotted"),
        _plant,
        bend=0.06,
        zoom=1.08,
        lift=0.06,
    ),
)
