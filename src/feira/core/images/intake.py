"""From an untrusted file to upright sRGB pixels, or to a refusal that says why."""

import hashlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from feira.core.errors import InvalidImage
from feira.core.images.colour import as_srgb
from feira.core.images.header import PhotoFormat, name_of_kind, read_header
from feira.core.images.limits import IntakeLimits
from feira.core.images.png_chunks import TooManyChunksError, only_needed_chunks
from feira.core.types import Pixels

ENOUGH_PIXELS_LONG = 1600
"""Longest side of the largest rendition: a JPEG may be decoded smaller than it is, but never below this."""

_PILLOW_FORMATS: Final[dict[PhotoFormat, tuple[str, ...]]] = {
    "jpeg": ("JPEG",),  # this reader opens MPO too
    "png": ("PNG",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "gif": ("GIF",),
    "heic": ("HEIF",),
}
_WHAT_TO_USE = "Use JPEG, PNG, WebP, AVIF or GIF."
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Reduction: TypeAlias = Callable[[int, int], int]
"""From the width and height of an upright JPEG in full size: 1, 2, 4 or 8, the part of each side that is enough."""

HEIC_ENABLED: Final = importlib.util.find_spec("pillow_heif") is not None
"""Whether the extra `heic` is installed."""


@dataclass(frozen=True, slots=True)
class UprightPhoto:
    """A photo as it is meant to be seen.

    Attributes:
        pixels: uint8, shape (height, width, 3), sRGB; smaller than the photo when a large JPEG was decoded reduced,
            but its longest side never falls below 1600 because of that.
        format: by content, never by name.
        digest: SHA-256 of the file as sent, in hex.
        width: of the upright photo in full size, in pixels.
        height: likewise.
    """

    pixels: Pixels
    format: PhotoFormat
    digest: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class UprightPicture:
    """As `UprightPhoto`, for those who go on with Pillow: `image` is RGB, perhaps reduced, without any metadata."""

    image: Image.Image
    format: PhotoFormat
    width: int
    height: int


def read_photo(content: bytes, limits: IntakeLimits | None = None) -> UprightPhoto:
    """Decode the first picture of a file: upright, in sRGB, over white; nothing but pixels is taken from it.

    Time and memory are bounded only by size here; bytes from outside go through `PhotoSandbox`, which bounds both.

    Raises:
        InvalidImage: as `read_picture`.
    """
    picture = read_picture(content, limits)
    return UprightPhoto(
        pixels=np.asarray(picture.image),
        format=picture.format,
        digest=hashlib.sha256(content).hexdigest(),
        width=picture.width,
        height=picture.height,
    )


def enough_for_renditions(width: int, height: int) -> int:
    """Return how far a JPEG may be reduced such that its longest side stays at least 1600.

    >>> enough_for_renditions(4000, 3000), enough_for_renditions(3199, 100)
    (2, 1)
    """
    return next(part for part in (8, 4, 2, 1) if part == 1 or max(width, height) // part >= ENOUGH_PIXELS_LONG)


def read_picture(
    content: bytes, limits: IntakeLimits | None = None, reduction: Reduction = enough_for_renditions
) -> UprightPicture:
    """Decode the first picture of a file as `read_photo` does, a JPEG as far reduced as `reduction` says.

    Raises:
        InvalidImage: with `reason` one of empty, too_large_bytes, too_many_pixels, unsupported_format,
            heic_not_enabled, truncated, damaged, too_much_memory.
    """
    limits = limits or IntakeLimits()
    photo_format = _check_header(content, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; we do not keep it
            image, size = _decode(content, photo_format, limits, reduction)
    except (InvalidImage, MemoryError) as error:
        raise error if isinstance(error, InvalidImage) else too_much_memory(limits) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(None, limits) from error
    except Exception as error:  # hostile bytes make decoders raise anything at all
        raise _refusal_for(error, content, limits) from error
    image.info.clear()  # comments, places and profiles would else be written again by whoever saves it
    return UprightPicture(image, photo_format, *size)


def too_much_memory(limits: IntakeLimits) -> InvalidImage:
    """Return the refusal of a photo whose decoding needs more memory than allowed."""
    return InvalidImage(
        "This photo needs more memory to open than we allow. Save it smaller, as a plain JPEG, and try again.",
        reason="too_much_memory",
        memory_bytes=limits.memory_bytes,
    )


def _check_header(content: bytes, limits: IntakeLimits) -> PhotoFormat:
    """Refuse what can be refused without decoding; return the kind of the file."""
    if not content:
        raise InvalidImage("This file is empty. Choose the photo again.", reason="empty")
    if len(content) > limits.max_bytes:
        raise InvalidImage(
            f"This file is {len(content) / 1e6:.1f} MB; we take up to {limits.max_bytes / 1e6:g} MB. "
            "Save the photo smaller and try again.",
            reason="too_large_bytes",
            max_bytes=limits.max_bytes,
        )
    header = read_header(content)
    if header is None:
        kind = name_of_kind(content)
        what = f"a photo we can read ({kind})" if kind else "a photo we can read"
        raise InvalidImage(f"This file is not {what}. {_WHAT_TO_USE}", reason="unsupported_format", kind=kind)
    if header.format == "heic" and not HEIC_ENABLED:
        raise InvalidImage(
            "This is a HEIC photo, which this shop does not take. Save it as JPEG, or set the phone's camera to "
            "“Most compatible”, and try again.",
            reason="heic_not_enabled",
        )
    if header.size is not None:
        _check_size(header.size, limits)
    return header.format


def _check_size(size: tuple[int, int], limits: IntakeLimits) -> None:
    if min(size) < 1:
        raise _damaged()
    if size[0] * size[1] > limits.max_pixels:
        raise _too_many_pixels(size, limits)


def _decode(
    content: bytes, photo_format: PhotoFormat, limits: IntakeLimits, reduction: Reduction
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the upright RGB picture, perhaps reduced, and its full upright size."""
    if photo_format == "heic":
        importlib.import_module("pillow_heif").register_heif_opener()
    if photo_format == "png":
        content = only_needed_chunks(content)
    with Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS[photo_format]) as image:
        _check_size(image.size, limits)
        width, height = image.size
        if photo_format == "jpeg":
            _draft(image, reduction)
        image.load()
        _check_size(image.size, limits)
        turn = _TURNS.get(_orientation(image))
        upright = as_srgb(image)
    if turn is None:
        return upright, (width, height)
    swapped = upright.transpose(turn)
    return swapped, (height, width) if turn in _SIDEWAYS else (width, height)


_SIDEWAYS = frozenset({_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]})


def _draft(image: Image.Image, reduction: Reduction) -> None:
    """Let the JPEG decoder skip what is not needed: several times faster for large photos."""
    width, height = image.size
    sideways = _TURNS.get(_orientation(image)) in _SIDEWAYS
    part = reduction(height, width) if sideways else reduction(width, height)
    if part > 1:
        image.draft(None, (max(1, width // part), max(1, height // part)))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF (else XMP) orientation 1..8; 1 when the metadata are broken or say nonsense."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - broken metadata raise anything; the pixels are fine
        return 1


def _too_many_pixels(size: tuple[int, int] | None, limits: IntakeLimits) -> InvalidImage:
    what = f"{size[0]} × {size[1]} pixels" if size else "more pixels than it should"
    return InvalidImage(
        f"This photo has {what}; we take up to {limits.max_pixels / 1e6:g} megapixels. Save it smaller and try again.",
        reason="too_many_pixels",
        max_pixels=limits.max_pixels,
    )


def _damaged() -> InvalidImage:
    return InvalidImage(
        "This photo is damaged and cannot be opened. Take it again or export it once more.", reason="damaged"
    )


def _refusal_for(error: Exception, content: bytes, limits: IntakeLimits) -> InvalidImage:
    """Put a decoder's complaint into our words."""
    if "memory" in str(error).lower():  # some decoders report it as an ordinary error
        return too_much_memory(limits)
    if isinstance(error, TooManyChunksError | UnidentifiedImageError):
        return _damaged()
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return InvalidImage(
            "This photo is incomplete: its end is missing. Upload it again, or export it once more.",
            reason="truncated",
            byte_size=len(content),
        )
    return _damaged()
