"""Photos as they arrive over HTTP: refused by size before they take memory."""

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from rest_framework.request import Request

from feira.core.errors import InvalidImage
from feira.settings import load_settings

# What a multipart body adds to the photo: boundaries and headers.
MULTIPART_ALLOWANCE = 100_000


def refuse_large_body(request: HttpRequest | Request) -> None:
    """Refuse a request whose body cannot be a photo we take, by its announced length, before anything reads it.

    Raises:
        InvalidImage: more bytes are announced than an upload may have.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    _refuse_large(int(length) - MULTIPART_ALLOWANCE if length.isdigit() else 0)


def upload_content(upload: UploadedFile) -> bytes:  # type: ignore[type-arg]
    """Return an upload's bytes.

    Raises:
        InvalidImage: there are more than a photo may have; they are not read into memory.
    """
    _refuse_large(upload.size or 0)
    content: bytes = upload.read()
    return content


def _refuse_large(size: int) -> None:
    most = load_settings().photo_max_bytes
    if size > most:
        raise InvalidImage(
            f"This file is {size / 1e6:.1f} MB; we take up to {most / 1e6:g} MB. Save the photo smaller and try again.",
            reason="too_large_bytes",
            max_bytes=most,
        )
