"""The sandbox in which this process reads uploads."""

from functools import cache

from feira.core.images.limits import IntakeLimits
from feira.core.images.sandbox import PhotoSandbox
from feira.settings import load_settings


@cache
def sandbox() -> PhotoSandbox:
    """Return this process's sandbox, with the limits of the settings."""
    settings = load_settings()
    return PhotoSandbox(
        IntakeLimits(
            max_bytes=settings.photo_max_bytes,
            max_pixels=settings.photo_max_pixels,
            timeout_s=settings.photo_decode_timeout_s,
        )
    )
