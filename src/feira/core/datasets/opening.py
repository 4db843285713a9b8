"""The bytes of photos, checked while they pass."""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from feira.core.datasets.errors import PhotoGone
from feira.core.datasets.records import ImageFile

# Opens the bytes of one image file for reading from the start. It may raise any `OSError` when they are not there.
Opener = Callable[[ImageFile], BinaryIO]

CHUNK_BYTES = 256 * 1024


def stream_image(image: ImageFile, open_image: Opener) -> Iterator[bytes]:
    """Yield the bytes of an image file in chunks of at most 256 KiB.

    Raises:
        PhotoGone: it cannot be opened, ends early, goes on for longer than promised, or has another SHA-256.
    """
    digest, passed = hashlib.sha256(), 0
    try:
        with open_image(image) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                passed += len(chunk)
                if passed > image.bytes:
                    break
                yield chunk
    except OSError as error:
        raise PhotoGone(
            f"The photo {image.path} cannot be read: {error}. Make the data set anew, without it.", path=image.path
        ) from error
    if passed != image.bytes or digest.hexdigest() != image.sha256:
        raise PhotoGone(
            f"The photo {image.path} is not the one this data set was made of. Make the data set anew.", path=image.path
        )


def read_image(image: ImageFile, open_image: Opener) -> bytes:
    """Return the bytes of an image file.

    Raises:
        PhotoGone: see `stream_image`.
    """
    return b"".join(stream_image(image, open_image))
