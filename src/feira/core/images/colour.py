"""Any decoded picture as 8-bit sRGB on white: profiles, ink, depth and transparency resolved."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_MAX_PROFILE_BYTES = 4_000_000
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_SRGB = ImageCms.createProfile("sRGB")
# Which picture modes a profile of each colour space can describe.
_MODE_OF_SPACE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def as_srgb(image: Image.Image) -> Image.Image:
    """Return the picture in mode RGB: colours through the embedded profile, 16 bit scaled, transparency over white.

    A profile that is broken, or that describes another colour space than the picture has, counts as sRGB.
    """
    colour, alpha = _split(image)
    shown = _through_profile(colour, image.info.get("icc_profile"))
    if alpha is None:
        return shown
    paper = Image.new("RGB", shown.size, "white")
    paper.paste(shown, mask=alpha)
    return paper


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return colour in mode L, RGB or CMYK, and transparency in mode L where there is any."""
    if image.mode in _SIXTEEN_BIT_MODES:
        return _split_sixteen_bit(image)
    if image.has_transparency_data:
        if image.mode in ("1", "L", "LA", "La"):
            grey, alpha = image.convert("LA").split()
            return grey, alpha
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    return (image, None) if image.mode in ("L", "RGB", "CMYK") else (image.convert("RGB"), None)


def _split_sixteen_bit(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Scale 0..65535 to 0..255; Pillow's own conversion clips, which turns such pictures white."""
    wide = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((np.minimum(wide, 65535) * 255 + 32767) // 65535).astype(np.uint8))
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return grey, None
    return grey, Image.fromarray(np.where(wide == clear, np.uint8(0), np.uint8(255)))


def _through_profile(image: Image.Image, profile: object) -> Image.Image:
    if isinstance(profile, bytes) and 0 < len(profile) <= _MAX_PROFILE_BYTES:
        # A grey picture may carry the profile of the RGB picture it once was.
        for candidate in (image, image.convert("RGB")) if image.mode == "L" else (image,):
            transform = _transform_to_srgb(profile, candidate.mode)
            if transform is not None:
                shown = ImageCms.applyTransform(candidate, transform)
                return candidate.convert("RGB") if shown is None else shown
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=8)
def _transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from a profile to sRGB; kept, since the photos of one camera share one profile."""
    try:
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _MODE_OF_SPACE.get(parsed.profile.xcolor_space) != mode:
            return None
        return ImageCms.buildTransform(
            parsed,
            _SRGB,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
