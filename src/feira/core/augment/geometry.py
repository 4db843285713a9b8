"""Operations that move pixels: flip, rotate, crop, resize, perspective.

Each has a `draw_…` that chooses the parameters from the settings and the size (width, height) of the picture, and a
function that applies them to an RGB picture. Parameters are JSON, and say all that was left to chance.
"""

from random import Random
from typing import Any, Final

from PIL import Image

from feira.core.augment.draws import log_uniform, uniform, whole
from feira.core.augment.fields import Choice, Range, Settings, Whole
from feira.core.augment.paper import FILL, fill_colour

Size = tuple[int, int]
Parameters = dict[str, Any]

LARGEST_SIDE: Final = 4096
"""No operation and no image rule asks for more pixels along a side."""

BILINEAR: Final = Image.Resampling.BILINEAR

FLIP: Final = (Choice("direction", "which sides change places", ("horizontal", "vertical"), "horizontal"),)
ROTATE: Final = (Range("degrees", "counter-clockwise", -180, 180, (-15, 15), "degrees"), FILL)
CROP: Final = (
    Range("area", "share of the picture that is kept", 0.01, 1, (0.35, 1)),
    Range("aspect", "how much wider than the target's shape", 0.1, 10, (0.75, 1.333333)),
    Whole("size", "side of the square it is brought to; null keeps the part as it is", 1, LARGEST_SIDE, None, "pixels"),
)
RESIZE: Final = (
    Choice("side", "which side gets the size", ("longest", "shorter", "both"), "longest"),
    Range("size", "length of that side", 1, LARGEST_SIDE, (224, 224), "pixels", is_whole=True),
)
PERSPECTIVE: Final = (Range("amount", "how far corners move inwards, as a share of the side", 0, 0.4, (0, 0.15)),)


def draw_flip(settings: Settings, _rng: Random, _size: Size) -> Parameters:
    """Nothing but the probability is left to chance."""
    return {"direction": settings.choice("direction")}


def flip(picture: Image.Image, parameters: Parameters) -> Image.Image:
    """Return the picture with its sides exchanged."""
    horizontal = parameters["direction"] == "horizontal"
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT if horizontal else Image.Transpose.FLIP_TOP_BOTTOM)


def draw_rotate(settings: Settings, rng: Random, _size: Size) -> Parameters:
    """Choose an angle."""
    return {"degrees": uniform(rng, settings.range("degrees")), "fill": settings.choice("fill")}


def rotate(picture: Image.Image, parameters: Parameters) -> Image.Image:
    """Return the picture turned about its middle, in the same size; corners without pixels are filled."""
    if parameters["degrees"] == 0:
        return picture
    return picture.rotate(parameters["degrees"], BILINEAR, fillcolor=fill_colour(picture, parameters["fill"]))


def draw_crop(settings: Settings, rng: Random, size: Size) -> Parameters:
    """Choose a part of the picture by area and shape.

    The shape is that of the target: a square where `size` is given, else the picture's own. A part that would reach
    beyond the picture is made smaller, keeping its shape.
    """
    side = settings.whole("size")
    area, aspect = uniform(rng, settings.range("area")), log_uniform(rng, settings.range("aspect"))
    shape = aspect if side else aspect * size[0] / size[1]
    across = (area * size[0] * size[1] * shape) ** 0.5
    scale = min(1.0, size[0] / across, size[1] * shape / across)
    width = min(size[0], max(1, round(across * scale)))
    height = min(size[1], max(1, round(across * scale / shape)))
    left, top = whole(rng, (0, size[0] - width)), whole(rng, (0, size[1] - height))
    return {"left": left, "top": top, "width": width, "height": height, "size": side}


def size_after_crop(parameters: Parameters, _size: Size) -> Size:
    """Return the size of the part, or of the square it is brought to."""
    side = parameters["size"]
    return (side, side) if side else (parameters["width"], parameters["height"])


def crop(picture: Image.Image, parameters: Parameters) -> Image.Image:
    """Return the part, brought to its size."""
    left, top = parameters["left"], parameters["top"]
    box = (left, top, left + parameters["width"], top + parameters["height"])
    return resized_part(picture, box, size_after_crop(parameters, picture.size))


def draw_resize(settings: Settings, rng: Random, size: Size) -> Parameters:
    """Choose a length; the longer side never grows beyond `LARGEST_SIDE`, however long the picture."""
    length, side = whole(rng, settings.range("size")), settings.choice("side")
    if side == "both":
        return {"width": length, "height": length}
    reference = max(size) if side == "longest" else min(size)
    scale = min(length / reference, LARGEST_SIDE / max(size))
    return {"width": max(1, round(size[0] * scale)), "height": max(1, round(size[1] * scale))}


def size_after_resize(parameters: Parameters, _size: Size) -> Size:
    """Return the size that was drawn."""
    return parameters["width"], parameters["height"]


def resize(picture: Image.Image, parameters: Parameters) -> Image.Image:
    """Return the picture in the drawn size."""
    return resized_part(picture, (0, 0, *picture.size), size_after_resize(parameters, picture.size))


def resized_part(picture: Image.Image, box: tuple[float, float, float, float], size: Size) -> Image.Image:
    """Return a part of the picture (left, top, right, bottom) in another size, smoothed where it shrinks."""
    edges = (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
    if edges == tuple(box) and (edges[2] - edges[0], edges[3] - edges[1]) == size:
        return picture if edges == (0, 0, *picture.size) else picture.crop(edges)
    return picture.resize(size, BILINEAR, box=box, reducing_gap=2.0)


def draw_perspective(settings: Settings, rng: Random, _size: Size) -> Parameters:
    """Choose how far each corner moves inwards, as shares of width and height: left-top, then clockwise."""
    amount = uniform(rng, settings.range("amount"))
    return {"corners": [[uniform(rng, (0, amount)), uniform(rng, (0, amount))] for _ in range(4)]}


def perspective(picture: Image.Image, parameters: Parameters) -> Image.Image:
    """Return what lies between the moved corners, stretched to the whole picture: as seen from another side."""
    corners = parameters["corners"]
    if not any(any(corner) for corner in corners):
        return picture
    (a, b), (c, d), (e, f), (g, h) = corners
    width, height = picture.size
    quad = ((a, b), (1 - c, d), (1 - e, 1 - f), (g, 1 - h))
    coefficients = _square_to_quad(tuple((x * width, y * height) for x, y in quad), width, height)
    return picture.transform(picture.size, Image.Transform.PERSPECTIVE, coefficients, BILINEAR)


def _square_to_quad(quad: tuple[tuple[float, float], ...], width: int, height: int) -> tuple[float, ...]:
    """Return the eight numbers that send a width × height rectangle to a quadrangle, in closed form.

    A linear solver would do as well, but its last digits depend on the machine.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    dx1, dx2, dx3 = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, dy3 = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (dx3 * dy2 - dx2 * dy3) / area, (dx1 * dy3 - dx3 * dy1) / area
    a, b = x1 - x0 + g * x1, x3 - x0 + h * x3
    d, e = y1 - y0 + g * y1, y3 - y0 + h * y3
    return (a / width, b / height, x0, d / width, e / height, y0, g / width, h / height)
