"""A part of a picture: where it lies, and how it is cut out."""

import io
from dataclasses import dataclass

from PIL import Image

from feira.core.errors import InvalidImage

WHOLE = 1000
LEAST = 30
_MOST_PIXELS = 1600 * 1600  # of the largest rendition; anything larger did not come from us
_WEBP_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Crop:
    """An upright rectangle within a picture, in thousandths of its width and height: whole numbers survive a URL.

    Raises:
        ValueError: it reaches beyond the picture, or a side is less than 3 % of it.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        across = self.left >= 0 and self.width >= LEAST and self.left + self.width <= WHOLE
        down = self.top >= 0 and self.height >= LEAST and self.top + self.height <= WHOLE
        if not (across and down):
            raise ValueError(f"{self} does not lie within the picture, or a side is below 3 % of it.")

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut away."""
        return self.width == self.height == WHOLE

    @property
    def text(self) -> str:
        """The rectangle as fractions: left, top, width, height.

        >>> Crop(125, 0, 500, 1000).text
        '0.125,0,0.5,1'
        """
        return ",".join(f"{side / WHOLE:g}" for side in (self.left, self.top, self.width, self.height))

    @classmethod
    def from_text(cls, text: str) -> "Crop":
        """Read four fractions with commas between them; what reaches a little beyond the picture is cut off.

        Raises:
            ValueError: it is no such rectangle.

        >>> Crop.from_text("0.5, 0.5, 0.7, 0.25")
        Crop(left=500, top=500, width=500, height=250)
        """
        fractions = [float(part) for part in text.split(",")]
        if len(fractions) != 4 or not all(0 <= fraction <= 1 for fraction in fractions):
            raise ValueError("A crop is left, top, width and height, each from 0 to 1, as in 0.1,0.2,0.5,0.5.")
        left, top, width, height = (round(fraction * WHOLE) for fraction in fractions)
        return cls(left, top, min(width, WHOLE - left), min(height, WHOLE - top))


def cut(content: bytes, crop: Crop) -> bytes:
    """Return the part of a picture as WebP bytes, at least one pixel large.

    Args:
        content: a rendition that we wrote ourselves: uploads are read in the sandbox only.

    Raises:
        InvalidImage: the bytes are no picture.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("WEBP", "PNG", "JPEG")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise InvalidImage("This is larger than any rendition.", reason="too_many_pixels")
            picture = opened.convert("RGB")
    except OSError as error:
        raise InvalidImage("This rendition cannot be read.", reason="damaged") from error
    left, top = crop.left * picture.width // WHOLE, crop.top * picture.height // WHOLE
    right = -(-(crop.left + crop.width) * picture.width // WHOLE)
    bottom = -(-(crop.top + crop.height) * picture.height // WHOLE)
    buffer = io.BytesIO()
    picture.crop((left, top, max(right, left + 1), max(bottom, top + 1))).save(buffer, "WEBP", quality=_WEBP_QUALITY)
    return buffer.getvalue()
