"""From a photo's bytes to the bytes that are exported: the photo itself by an image rule, and its variants."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from feira.core.augment.geometry import Size, resized_part, size_after_crop
from feira.core.augment.plan import Step, plan
from feira.core.augment.recipe import Recipe
from feira.core.augment.rule import ImageRule
from feira.core.images.intake import read_picture
from feira.core.images.limits import IntakeLimits

Box = tuple[float, float, float, float]

# Measured for renditions (feira.core.images.renditions): slower methods save 3 % of the bytes.
_WEBP_METHOD = 2


@dataclass(frozen=True, slots=True)
class Rendered:
    """One exported picture.

    Attributes:
        content: the encoded file; nothing but pixels of the photo is in it.
        width: in pixels.
        height: likewise.
        digest: SHA-256 of `content`, in hex.
        variant: 0 is the photo itself.
        steps: what made the variant, in order; none for the photo itself.
    """

    content: bytes
    width: int
    height: int
    digest: str
    variant: int = 0
    steps: tuple[Step, ...] = field(default=(), repr=False)


class Source:
    """A photo that is rendered several times; it is decoded once for each reduction that is needed.

    Args:
        content: the file, which may come from anybody; its time and memory are bounded by `RenderPool` only.
        limits: on bytes and pixels.
    """

    def __init__(self, content: bytes, limits: IntakeLimits | None = None) -> None:
        self._content, self._limits = content, limits
        self._size: Size | None = None
        self._can_reduce = True
        self._decoded: dict[int, Image.Image] = {}

    @property
    def size(self) -> Size:
        """The (width, height) of the upright photo in full size; known once something was rendered."""
        if self._size is None:
            raise ValueError("nothing was rendered yet")
        return self._size

    def photo(self, rule: ImageRule) -> Rendered:
        """Return the photo itself.

        Raises:
            InvalidImage: as `feira.core.images.intake.read_picture`.
        """
        picture, _ = self._cut(lambda size: _part(size, (), rule))
        return _encoded(picture, rule)

    def variant(self, rule: ImageRule, recipe: Recipe, *, key: str, variant: int) -> Rendered:
        """Return one changed copy, the same for the same arguments; `variant` counts from 1.

        Raises:
            InvalidImage: likewise.
        """
        picture, part = self._cut(
            lambda size: _part(size, plan(recipe, key=key, variant=variant, size=size, rule=rule), rule)
        )
        for step in part.further:
            picture = step.apply(picture)
        # A crop or resize that comes later may have left the rule's size.
        picture = resized_part(picture, rule.part_of(picture.size), rule.size_for(picture.size))
        return _encoded(picture, rule, variant=variant, steps=part.steps)

    def _cut(self, part_for: Callable[[Size], "_Part"]) -> tuple[Image.Image, "_Part"]:
        """Return the part of the photo that is wanted, in its size, from as small a decoding as will do."""
        decoded, part = self._decode(part_for)
        width, height = self.size
        across, down = decoded.width / width, decoded.height / height
        left, top, right, bottom = part.box
        box = (left * across, top * down, min(right * across, decoded.width), min(bottom * down, decoded.height))
        return resized_part(decoded, box, part.size), part

    def _decode(self, part_for: Callable[[Size], "_Part"]) -> tuple[Image.Image, "_Part"]:
        if self._size is not None:
            part = part_for(self._size)
            reduction = part.reduction if self._can_reduce else 1
            if reduction in self._decoded:
                return self._decoded[reduction], part
        asked: list[_Part] = []

        def reduction_of(width: int, height: int) -> int:
            asked.append(part_for((width, height)))
            return asked[0].reduction

        picture = read_picture(self._content, self._limits, reduction_of)
        self._size, self._can_reduce = (picture.width, picture.height), bool(asked)
        part = asked[0] if asked else part_for(self._size)
        self._decoded[part.reduction if asked else 1] = picture.image
        return picture.image, part


def render(
    content: bytes,
    rule: ImageRule,
    recipe: Recipe | None = None,
    *,
    key: str = "",
    limits: IntakeLimits | None = None,
) -> list[Rendered]:
    """Return the photo by the rule, followed by the variants that the recipe asks for.

    The same arguments give the same bytes with the same versions of Pillow and its codecs.

    Args:
        content: the file, which may come from anybody. Time and memory are not bounded here: see `RenderPool`.
        key: names the photo wherever it goes, such as its digest; needed with a recipe.

    Raises:
        InvalidImage: as `feira.core.images.intake.read_picture`.
    """
    source = Source(content, limits)
    photo = source.photo(rule)
    if recipe is None:
        return [photo]
    numbers = range(1, recipe.variants + 1)
    return [photo, *(source.variant(rule, recipe, key=key, variant=number) for number in numbers)]


def render_one(
    content: bytes, rule: ImageRule, recipe: Recipe, *, key: str, variant: int, limits: IntakeLimits | None = None
) -> Rendered:
    """Return one variant, from 1; the same as among all of them.

    Raises:
        InvalidImage: as `feira.core.images.intake.read_picture`.
    """
    return Source(content, limits).variant(rule, recipe, key=key, variant=variant)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is taken of a photo in full size, the size it is brought to in the same go, and what happens then."""

    box: Box
    size: Size
    steps: tuple[Step, ...]
    further: tuple[Step, ...]

    @property
    def reduction(self) -> int:
        """How many pixels of the photo make one, at most, along a side: 8, 4, 2 or 1."""
        across = (self.box[2] - self.box[0]) / self.size[0]
        down = (self.box[3] - self.box[1]) / self.size[1]
        return next(part for part in (8, 4, 2, 1) if part == 1 or min(across, down) >= part)


def _part(size: Size, steps: tuple[Step, ...], rule: ImageRule) -> _Part:
    """Join a crop at the first place with the rule: one resize, in which no detail is lost."""
    left, top, cut_size, inner, further = 0, 0, size, size, steps
    if steps and steps[0].place == 0 and steps[0].operation == "crop":
        crop, further = steps[0].parameters, steps[1:]
        left, top, cut_size = crop["left"], crop["top"], (crop["width"], crop["height"])
        inner = size_after_crop(crop, size)
    kept = rule.part_of(inner)
    across, down = cut_size[0] / inner[0], cut_size[1] / inner[1]
    box = (left + kept[0] * across, top + kept[1] * down, left + kept[2] * across, top + kept[3] * down)
    return _Part(box, rule.size_for(inner), steps, further)


def _encoded(picture: Image.Image, rule: ImageRule, *, variant: int = 0, steps: tuple[Step, ...] = ()) -> Rendered:
    buffer = io.BytesIO()
    if rule.format == "jpeg":
        picture.save(buffer, "JPEG", quality=rule.quality)
    elif rule.format == "webp":
        picture.save(buffer, "WEBP", quality=rule.quality, method=_WEBP_METHOD)
    else:
        picture.save(buffer, "PNG")
    content = buffer.getvalue()
    return Rendered(content, *picture.size, hashlib.sha256(content).hexdigest(), variant, steps)
