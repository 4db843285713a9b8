"""Pixels of photos that are already ours: renditions from the blob store, files of a data set on disk."""

import io

import numpy as np
from PIL import Image, ImageOps

from feira.core.errors import InvalidImage
from feira.core.types import Pixels

_FORMATS = ("WEBP", "JPEG", "PNG")  # the JPEG reader opens MPO too


def decode_rendition(content: bytes) -> Pixels:
    """Return the pixels of a WebP, JPEG or PNG of ours, uint8, shape (height, width, 3).

    There is no limit on time or memory: bytes from outside go through `PhotoSandbox` first.

    Raises:
        InvalidImage: the stored bytes are damaged.
    """
    return _pixels(content, shorter_side=None)


def decode_for_encoder(content: bytes, shorter_side: int) -> Pixels:
    """Return upright pixels whose shorter side is at least `shorter_side` where the photo has that many.

    A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that still has them, which is several times faster.

    Raises:
        InvalidImage: the stored bytes are damaged.
    """
    return _pixels(content, shorter_side=shorter_side)


def _pixels(content: bytes, *, shorter_side: int | None) -> Pixels:
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if shorter_side is not None:
                image.draft("RGB", (shorter_side, shorter_side))  # Pillow takes the smallest scale that covers both
            upright = ImageOps.exif_transpose(image)
            return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(
            f"A stored photo cannot be decoded ({error}). Restore it from a backup, or remove it and upload it again.",
            reason="damaged",
        ) from error
