"""Seeded changes to a photo: another crop, another side, other light; what the teacher is asked about."""

from random import Random

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

TEACHER_SIZE = 224
_BILINEAR = Image.Resampling.BILINEAR


def changed(photo: Image.Image, rng: Random, *, number: int) -> Image.Image:
    """Return one view of the photo, 224×224 RGB.

    Every fourth view, beginning with number 0, is close to what a served encoder sees: nearly the whole centre square.
    The others are crops of 35 to 100 % of the photo, at most a third wider or narrower than square.

    Args:
        photo: RGB, or RGBA, which is then laid on a backdrop.
        rng: decides everything; the same state gives the same view.
        number: of the view among those of its photo; number 0 is the plain centre square in its own light.
    """
    opaque = laid_on_a_backdrop(photo, rng, plain=number == 0) if photo.mode == "RGBA" else photo
    box = _centre(opaque, rng, share=1.0 if number == 0 else rng.uniform(0.8, 1.0))
    if number % 4:
        box = _anywhere(opaque, rng)
    view = opaque.resize((TEACHER_SIZE, TEACHER_SIZE), _BILINEAR, box=box, reducing_gap=3.0)
    if number == 0:
        return view
    if rng.random() < 0.5:
        view = ImageOps.mirror(view)
    return _relit(view, rng)


def laid_on_a_backdrop(cut_out: Image.Image, rng: Random, *, plain: bool = False) -> Image.Image:
    """Return an RGBA picture on white (always when `plain`), on one colour or on a blend of two, at some size."""
    side = max(cut_out.size)
    paper = Image.new("RGB", (side, side), "white")
    scale = 1.0
    if not plain:
        scale = rng.uniform(0.6, 1.0)
        if rng.random() < 0.5:
            paper = _blend(side, rng)
    width, height = (max(1, round(length * scale)) for length in cut_out.size)
    small = cut_out.resize((width, height), _BILINEAR)
    left, top = (side - width) // 2, (side - height) // 2
    if not plain:
        left, top = rng.randint(0, side - width), rng.randint(0, side - height)
    paper.paste(small, (left, top), small)
    return paper


def _blend(side: int, rng: Random) -> Image.Image:
    """Return a backdrop that goes from one colour to another, which may be the same, in some direction."""
    first = tuple(rng.randrange(256) for _ in range(3))
    second = first if rng.random() < 0.4 else tuple(rng.randrange(256) for _ in range(3))
    ramp = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize((side, side))
    return Image.composite(Image.new("RGB", (side, side), first), Image.new("RGB", (side, side), second), ramp)


def _centre(photo: Image.Image, rng: Random, *, share: float) -> tuple[float, float, float, float]:
    width, height = photo.size
    side = min(width, height) * share
    slack = min(width, height) - side
    left = (width - side) / 2 + rng.uniform(-slack, slack) / 2
    top = (height - side) / 2 + rng.uniform(-slack, slack) / 2
    return left, top, left + side, top + side


def _anywhere(photo: Image.Image, rng: Random) -> tuple[float, float, float, float]:
    width, height = photo.size
    for _ in range(10):
        area = width * height * rng.uniform(0.35, 1.0)
        shape = rng.uniform(0.75, 4 / 3)
        across, down = (area * shape) ** 0.5, (area / shape) ** 0.5
        if across <= width and down <= height:
            left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
            return left, top, left + across, top + down
    return _centre(photo, rng, share=0.9)


def _relit(view: Image.Image, rng: Random) -> Image.Image:
    """Change light, contrast, saturation and warmth a little, as another lamp and another phone would."""
    for enhance, spread in ((ImageEnhance.Brightness, 0.25), (ImageEnhance.Contrast, 0.25), (ImageEnhance.Color, 0.25)):
        if rng.random() < 0.6:
            view = enhance(view).enhance(rng.uniform(1 - spread, 1 + spread))
    if rng.random() < 0.3:
        warmth = rng.uniform(0.92, 1.08)
        red, green, blue = view.split()
        view = Image.merge(
            "RGB", (red.point(lambda v: min(255, v * warmth)), green, blue.point(lambda v: min(255, v / warmth)))
        )
    if rng.random() < 0.15:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5)))
    return view
