"""A photo ready to be stored: what it is, its tint and its renditions."""

from collections.abc import Mapping
from dataclasses import dataclass

from feira.core.images.header import PhotoFormat
from feira.core.images.intake import read_photo
from feira.core.images.limits import IntakeLimits
from feira.core.images.renditions import Rendition, make_renditions, tint_of


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """Everything that the shop keeps of a photo besides the original bytes.

    Attributes:
        digest: SHA-256 of the original file, in hex.
        format: by content.
        byte_size: of the original file.
        width: of the upright photo, in pixels.
        height: likewise.
        tint: mean colour as a palette cell, 0..215 (`renditions.tint_colour`).
        renditions: by name, `thumb`, `card` and `full`.
    """

    digest: str
    format: PhotoFormat
    byte_size: int
    width: int
    height: int
    tint: int
    renditions: Mapping[str, Rendition]


def prepare_photo(content: bytes, limits: IntakeLimits | None = None) -> PreparedPhoto:
    """Read a photo and make its renditions in this process: for trusted files, and inside the sandbox.

    Raises:
        InvalidImage: as `read_photo`.
    """
    photo = read_photo(content, limits)
    renditions = make_renditions(photo.pixels)
    return PreparedPhoto(
        digest=photo.digest,
        format=photo.format,
        byte_size=len(content),
        width=photo.width,
        height=photo.height,
        tint=tint_of(photo.pixels),
        renditions=renditions,
    )
