"""Why a photo was not taken, in the reader's language: what pages show in place of the core's English message."""

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from feira.core.errors import InvalidImage
from feira.settings import load_settings

SENTENCES = {
    "empty": _("This file is empty. Choose the photo again."),
    "too_large_bytes": _(
        "This file is too large; we take up to %(megabytes)s MB. Save the photo smaller and try again."
    ),
    "too_many_pixels": _(
        "This photo has too many pixels; we take up to %(megapixels)s megapixels. Save it smaller and try again."
    ),
    "unsupported_format": _("This file is not a photo we can read. Use JPEG, PNG, WebP, AVIF or GIF."),
    "heic_not_enabled": _(
        "This is a HEIC photo, which this shop does not take. Save it as JPEG, or set the phone's camera to "
        "“Most compatible”, and try again."
    ),
    "truncated": _("This photo is incomplete: its end is missing. Upload it again, or export it once more."),
    "damaged": _("This photo is damaged and cannot be opened. Take it again or export it once more."),
    "took_too_long": _(
        "This photo takes longer than %(seconds)s seconds to open. Save it smaller, as a plain JPEG, and try again."
    ),
    "too_much_memory": _(
        "This photo needs more memory to open than we allow. Save it smaller, as a plain JPEG, and try again."
    ),
}


def refusal_text(refusal: InvalidImage) -> str:
    """Return the sentence for a refusal's reason; for a reason without one, the refusal's own message."""
    sentence = SENTENCES.get(refusal.reason)
    if sentence is None:
        return refusal.message
    settings = load_settings()
    return str(sentence) % {
        "megabytes": number_format(f"{settings.photo_max_bytes / 1e6:g}"),
        "megapixels": number_format(f"{settings.photo_max_pixels / 1e6:g}"),
        "seconds": number_format(f"{settings.photo_decode_timeout_s:g}"),
    }
