"""A small studio: a backdrop with light, shadows, and parts with volume.

Things are described in studio units: x from -1 to 1 across the photo, y from -1.25 (top) to 1.25 (bottom). Edges are
drawn at twice the size; light and shadow are soft, so they are computed at a quarter and enlarged.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from feira.core.datasets.drawn.palette import Colour

WIDTH: Final = 640
HEIGHT: Final = 800
_UNIT = WIDTH / 2
_FINE = 2
_COARSE = 4

Point = tuple[float, float]
Outline = Sequence[Point]


@dataclass(frozen=True, slots=True)
class View:
    """How the camera looks: turned, moved, nearer or farther, perhaps mirrored; the light comes with it."""

    angle: float = 0.0
    scale: float = 1.0
    shift: Point = (0.0, 0.0)
    mirrored: bool = False

    def place(self, points: Outline) -> list[Point]:
        """Return the points in pixels of the finished photo."""
        cosine, sine = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        side = -1 if self.mirrored else 1
        return [
            (
                WIDTH / 2 + _UNIT * (side * x * cosine - y * sine + self.shift[0]),
                HEIGHT / 2 + _UNIT * (side * x * sine + y * cosine + self.shift[1]),
            )
            for x, y in points
        ]


@dataclass(frozen=True, slots=True)
class Fabric:
    """What a part is made of.

    Attributes:
        colour: of the part.
        second: of its pattern.
        motif: the pattern as closed outlines in studio units; none for plain.
        volume: 0 for flat to 1 for round.
        folds: 0 for stiff to 1 for soft cloth.
        gloss: 0 for matt to 1 for glazed.
    """

    colour: Colour
    second: Colour = (255, 255, 255)
    motif: Sequence[Outline] = ()
    volume: float = 0.6
    folds: float = 0.0
    gloss: float = 0.0


class Canvas:
    """One photo in the making."""

    def __init__(self, rng: Random, *, wall: Colour, floor: Colour, view: View, flat: bool = False) -> None:
        """Light the backdrop; `flat` is a sheet seen from above, without a floor line.

        `light_from` is where the light stands in studio units, -1 or 1; in a mirrored view it is on the other side of
        the photo.
        """
        self._rng, self.view = rng, view
        self._lit_side = -1.0 if rng.random() < 0.75 else 1.0
        self.light_from = -self._lit_side if view.mirrored else self._lit_side
        self.image = _backdrop(rng, wall, floor, light_from=self._lit_side, flat=flat)

    def stand_shadow(self, *, y: float, half_width: float) -> None:
        """Draw the shadow under a thing that stands on the floor at height `y`."""
        reach = self.light_from * -half_width
        wide = ellipse(reach * 0.55, y + 0.01, half_width * 1.45, half_width * 0.24)
        near = ellipse(reach * 0.08, y, half_width * 1.03, half_width * 0.13)
        self._darken([wide], blur=9, strength=0.30)
        self._darken([near], blur=3.2, strength=0.42)

    def lie_shadow(self, outlines: Sequence[Outline]) -> None:
        """Draw the shadow of a thing that lies or hangs a little before the backdrop."""
        moved = [[(x - self.light_from * 0.035, y + 0.05) for x, y in outline] for outline in outlines]
        self._darken(moved, blur=6, strength=0.36)
        self._darken([[(x, y + 0.012) for x, y in outline] for outline in outlines], blur=1.6, strength=0.3)

    def paint(self, outline: Outline | Sequence[Outline], fabric: Fabric, *, holes: Sequence[Outline] = ()) -> None:
        """Add a part: its outline (or several), filled with a fabric and lit."""
        outlines: Sequence[Outline] = [outline] if _is_single(outline) else outline  # type: ignore[assignment, list-item]
        placed = [self.view.place(points) for points in outlines]
        box = _box(placed)
        if box is None:
            return
        mask = _drawn(placed, box, holes=[self.view.place(points) for points in holes])
        shade = self._shade(mask, fabric)
        layer = np.empty((mask.height, mask.width, 3), np.float32)
        layer[:] = fabric.colour
        if fabric.motif:
            motif = _drawn([self.view.place(points) for points in fabric.motif], box)
            share = np.asarray(motif, np.float32)[..., None] / 255
            layer += (np.array(fabric.second, np.float32) - layer) * share
        # Above 1 the light washes the colour out towards white instead of overdriving single channels.
        layer *= np.minimum(shade, 1)[..., None]
        layer += (255 - layer) * np.maximum(shade - 1, 0)[..., None]
        self.image.paste(Image.fromarray(layer.clip(0, 255).astype(np.uint8)), box[:2], mask)

    def stroke(self, line: Outline, fabric: Fabric, *, width: float) -> None:
        """Add a part along a line, `width` thick, with round ends."""
        self.paint(thick(line, width), fabric)

    def crease(self, line: Outline, *, width: float = 0.012, strength: float = 0.25) -> None:
        """Darken along a line: a seam, a fold, an edge between two parts."""
        self._darken([thick(line, width)], blur=1.2, strength=strength * 1.25)

    def shine(self, outline: Outline, *, blur: float, strength: float) -> None:
        """Lay a soft reflection of light over an outline."""
        self._blend([outline], (255, 252, 244), blur=blur, strength=strength)

    def jpeg(self, quality: int = 88) -> bytes:
        """Return the finished photo as a JPEG file of 640 x 800 pixels."""
        buffer = io.BytesIO()
        self.image.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    def _darken(self, outlines: Sequence[Outline], *, blur: float, strength: float) -> None:
        self._blend(outlines, (44, 32, 30), blur=blur, strength=strength)

    def _blend(self, outlines: Sequence[Outline], colour: Colour, *, blur: float, strength: float) -> None:
        coarse = Image.new("L", (WIDTH // _COARSE, HEIGHT // _COARSE))
        pen = ImageDraw.Draw(coarse)
        for points in outlines:
            pen.polygon([(x / _COARSE, y / _COARSE) for x, y in self.view.place(points)], fill=round(255 * strength))
        soft = coarse.filter(ImageFilter.GaussianBlur(blur)).resize(self.image.size, Image.Resampling.BILINEAR)
        self.image.paste(colour, mask=soft)

    def _shade(self, mask: Image.Image, fabric: Fabric) -> NDArray[np.float32]:
        """Return how bright each pixel of a part is: darker where it turns away from the light, 1 is its own colour."""
        size = (max(3, mask.width // _COARSE), max(3, mask.height // _COARSE))
        coarse = mask.resize(size, Image.Resampling.BOX)
        radius = max(1.5, min(size) * 0.16)
        depth = np.asarray(coarse.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
        reach = max(1, round(radius * 0.8))
        wider = np.pad(depth, reach, mode="edge")  # a part that is cut by the photo goes on beyond it
        rows, columns = slice(reach, reach + size[1]), slice(reach, reach + size[0])
        towards = self._lit_side * (wider[rows, 2 * reach :] - wider[rows, : size[0]])
        above = wider[2 * reach :, columns] - wider[: size[1], columns]
        shade = 1.0 - 0.42 * fabric.volume * (1 - depth) - 0.30 * fabric.volume * towards + 0.14 * fabric.volume * above
        if fabric.folds:
            shade += fabric.folds * self._folds(size)
        lit = Image.fromarray(shade.astype(np.float32)).resize(mask.size, Image.Resampling.BICUBIC)
        result = np.asarray(lit)
        if fabric.gloss:
            result = result + fabric.gloss * self._highlight(mask.size)
        return np.asarray(result, np.float32)

    def _folds(self, size: tuple[int, int]) -> NDArray[np.float32]:
        x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
        folds = np.zeros_like(x)
        for _ in range(4):
            across, along = self._rng.uniform(4, 16), self._rng.uniform(-5, 5)
            folds += np.sin(across * x + along * y + self._rng.uniform(0, 6.3)) * self._rng.uniform(0.015, 0.035)
        return np.asarray(folds * (0.4 + y), np.float32)

    def _highlight(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the soft vertical reflection of a window on a glazed side."""
        x = np.linspace(-1, 1, size[0], dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
        centre = 0.48 * self._lit_side
        return np.asarray(
            0.42 * np.exp(-(((x - centre) / 0.12) ** 2)) * np.exp(-(((y + 0.15) / 0.55) ** 4)), np.float32
        )


def ellipse(
    x: float, y: float, half_width: float, half_height: float, *, turn: float = 0.0, points: int = 72
) -> Outline:
    """Return an ellipse as an outline; `turn` in radians."""
    cosine, sine = math.cos(turn), math.sin(turn)
    round_once = [(2 * math.pi * i / points) for i in range(points)]
    return [
        (
            x + half_width * math.cos(a) * cosine - half_height * math.sin(a) * sine,
            y + half_width * math.cos(a) * sine + half_height * math.sin(a) * cosine,
        )
        for a in round_once
    ]


def smooth(corners: Outline, *, closed: bool = True, steps: int = 10) -> list[Point]:
    """Return a Catmull-Rom curve through the corners."""
    count = len(corners)
    curve: list[Point] = []
    for i in range(count if closed else count - 1):
        around = [corners[(i + j) % count if closed else min(max(i + j, 0), count - 1)] for j in (-1, 0, 1, 2)]
        curve.extend(_between(around, step / steps) for step in range(steps))
    return curve if closed else [*curve, corners[-1]]


def thick(line: Outline, width: float) -> Outline:
    """Return the outline of a line of that width with round ends."""
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(i - 1, 0)], line[min(i + 1, len(line) - 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        across = (-(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2)
        left.append((x + across[0], y + across[1]))
        right.append((x - across[0], y - across[1]))
    return [*left, *_cap(line[-1], left[-1]), *reversed(right), *_cap(line[0], right[0])]


def revolved(profile: Sequence[tuple[float, float]], *, tilt: float = 0.16, front_only: bool = False) -> Outline:
    """Return the outline of a turned body: (y, half width) from top to bottom, with round rim and foot.

    `front_only` ends at the near side of the rim, so that what stands inside stays in sight.
    """
    right = smooth([(half, y) for y, half in profile], closed=False, steps=8)
    (top_y, top), (foot_y, foot) = profile[0], profile[-1]
    foot_arc = [
        (foot * math.cos(a), foot_y + foot * tilt * math.sin(a)) for a in (math.pi * i / 16 for i in range(1, 16))
    ]
    rim = -top * tilt if front_only else top * tilt
    rim_arc = [(-top * math.cos(a), top_y - rim * math.sin(a)) for a in (math.pi * i / 16 for i in range(1, 16))]
    return [*right, *foot_arc, *((-x, y) for x, y in reversed(right)), *rim_arc]


def _between(around: Sequence[Point], t: float) -> Point:
    def value(axis: int) -> float:
        a, b, c, d = (point[axis] for point in around)
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)

    return value(0), value(1)


def _cap(centre: Point, start: Point) -> list[Point]:
    dx, dy = start[0] - centre[0], start[1] - centre[1]
    return [
        (centre[0] + dx * math.cos(a) + dy * math.sin(a), centre[1] - dx * math.sin(a) + dy * math.cos(a))
        for a in (math.pi * i / 6 for i in range(1, 6))
    ]


def _is_single(outline: Outline | Sequence[Outline]) -> bool:
    return isinstance(outline[0][0], int | float)


def _box(outlines: Sequence[Outline]) -> tuple[int, int, int, int] | None:
    """Return the part of the photo that the outlines touch; None when they lie outside."""
    xs, ys = [x for points in outlines for x, _ in points], [y for points in outlines for _, y in points]
    left, top = max(0, math.floor(min(xs)) - 1), max(0, math.floor(min(ys)) - 1)
    right, bottom = min(WIDTH, math.ceil(max(xs)) + 1), min(HEIGHT, math.ceil(max(ys)) + 1)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _drawn(
    outlines: Sequence[Outline], box: tuple[int, int, int, int], *, holes: Sequence[Outline] = ()
) -> Image.Image:
    """Return the filled outlines within the box, with soft edges, in mode L."""
    left, top, right, bottom = box
    fine = Image.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))
    pen = ImageDraw.Draw(fine)
    for shapes, level in ((outlines, 255), (holes, 0)):
        for points in shapes:
            pen.polygon([((x - left) * _FINE, (y - top) * _FINE) for x, y in points], fill=level)
    return fine.reduce(_FINE)


def _backdrop(rng: Random, wall: Colour, floor: Colour, *, light_from: float, flat: bool) -> Image.Image:
    """Return wall and floor with a soft pool of light and darker corners."""
    x, y = np.meshgrid(np.linspace(-1, 1, 80, dtype=np.float32), np.linspace(-1.25, 1.25, 100, dtype=np.float32))
    horizon, softness = rng.uniform(0.3, 0.45), rng.uniform(0.05, 0.16)
    share = np.full_like(x, 0.25) if flat else 1 / (1 + np.exp(-(y - horizon) / softness))
    pool = np.exp(-((x - 0.35 * light_from) ** 2 / 1.1 + (y + 0.35) ** 2 / 1.6))
    light = 0.90 + 0.14 * pool - 0.07 * (x**2 + (y / 1.25) ** 2) / 2
    first, second = np.array(wall, np.float32), np.array(floor, np.float32)
    colours = (first + (second - first) * share[..., None]) * light[..., None]
    small = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    return small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
