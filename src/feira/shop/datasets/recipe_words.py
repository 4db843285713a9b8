"""What the operations of a recipe and their settings are called on pages."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Texts are lazy: they speak the language of whoever reads the page.
Text = Any

OPERATIONS: Final[Mapping[str, tuple[Text, Text]]] = {
    "flip": (_("Flip"), _("Exchange left and right, or top and bottom.")),
    "rotate": (_("Turn"), _("Turn about the middle.")),
    "crop": (pgettext_lazy("augmentation", "Crop"), _("Cut out a part of random area, shape and place.")),
    "resize": (_("Resize"), _("Change the size.")),
    "perspective": (_("Perspective"), _("Look from another side.")),
    "jitter": (_("Light and colour"), _("Change brightness, contrast, saturation and hue.")),
    "grey": (_("Grey"), _("Take the colour away.")),
    "blur": (_("Blur"), _("Put it out of focus.")),
    "noise": (_("Noise"), _("Add the noise of a small sensor.")),
    "jpeg": (_("JPEG"), _("Compress it as a JPEG file does.")),
    "cutout": (_("Cut-out"), _("Paint rectangles over it.")),
}

SETTINGS: Final[Mapping[str, Text]] = {
    "direction": _("Which sides"),
    "degrees": _("Angle in degrees"),
    "fill": _("Colour of empty corners"),
    "area": _("Share of the area, 0 to 1"),
    "aspect": _("How wide against how high"),
    "size": _("Size in pixels"),
    "side": _("Which side"),
    "amount": _("How far corners move, 0 to 0.4"),
    "brightness": _("Brightness, 1 is as it was"),
    "contrast": _("Contrast, 1 is as it was"),
    "saturation": _("Saturation, 1 is as it was"),
    "hue": _("Hue in degrees, 0 is as it was"),
    "radius": _("Radius in pixels"),
    "deviation": _("Strength, in levels of 255"),
    "quality": _("Quality, 1 to 100"),
    "count": _("How many"),
}

CHOICES: Final[Mapping[str, Text]] = {
    "horizontal": _("left and right"),
    "vertical": _("top and bottom"),
    "white": _("white"),
    "black": _("black"),
    "grey": _("grey"),
    "mean": _("the photo's own mean"),
    "longest": _("the longer one"),
    "shorter": _("the shorter one"),
    "both": _("both"),
}

PRESETS: Final[Mapping[str, tuple[Text, Text]]] = {
    "light": (_("Light"), _("Small cuts, mirrored at times, a little lighter or darker: recognisable at a glance.")),
    "strong": (_("Strong"), _("Cut, turned, recoloured, covered in parts: for training from scratch.")),
    "phone photos": (
        _("Like phone photos"),
        _("Crooked, dim, a little blurred and noisy: studio photos as if taken in a hurry."),
    ),
}


def preset_label(name: str) -> Text:
    """Return the name of a recipe to start from."""
    return PRESETS[name][0] if name in PRESETS else name


def preset_help(name: str) -> Text:
    """Return what a recipe to start from is good for."""
    return PRESETS[name][1] if name in PRESETS else ""


def operation_label(name: str) -> Text:
    """Return the name of an operation; one that is not known goes by its own."""
    return OPERATIONS[name][0] if name in OPERATIONS else name


def operation_help(name: str, about: str) -> Text:
    """Return what an operation does, in the words of the page or else in its own."""
    return OPERATIONS[name][1] if name in OPERATIONS else about


def setting_label(name: str) -> Text:
    """Return the name of a setting; one that is not known goes by its own."""
    return SETTINGS.get(name, name)


def choice_label(name: str) -> Text:
    """Return the name of a choice; one that is not known goes by its own."""
    return CHOICES.get(name, name)
