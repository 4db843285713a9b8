"""What the form of data sets lets people choose from."""

from contextlib import suppress
from typing import Any, Final

from django.db.models import Count
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feira.core.augment.presets import PRESETS
from feira.core.errors import EngineUnavailable
from feira.settings import load_settings
from feira.shop.datasets.asked import LIVE
from feira.shop.datasets.checkpoints import CHECKPOINT_NAME, PREFIX
from feira.shop.datasets.recipe_words import Text, preset_help, preset_label
from feira.shop.listings.category_tree import CategoryNode, category_tree
from feira.shop.listings.models import Attribute, ListingTag
from feira.shop.listings.tags import COLOURS, KEYWORD, colour_label
from feira.shop.photos.engine import engine

ATTRIBUTE: Final = "attr_"
NO_RECIPE, OWN_RECIPE, PASTED_RECIPE = "none", "own", "paste"
SIDES: Final = ("train", "validation", "test")
MOST_ATTRIBUTES: Final = 12
MOST_VALUES: Final = 40

PHOTOS: Final = [("all", gettext_lazy("All of them")), ("cover", gettext_lazy("Only the first"))]
SPLITS: Final = [
    ("seller", gettext_lazy("Seller: what one person photographs stays on one side")),
    ("time", gettext_lazy("Time: the newest listings are for testing")),
    ("hash", gettext_lazy("Chance: each listing falls on a side, the same every time")),
    ("none", gettext_lazy("Not at all")),
]
FITS: Final = [
    ("longest", gettext_lazy("Longer side brought down to")),
    ("shorter", gettext_lazy("Shorter side brought down to")),
    ("square", gettext_lazy("Square from the middle, of")),
    ("original", gettext_lazy("As they are, every pixel")),
]
FILES: Final = [("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WebP")]
FORMAT_NAMES: Final = [
    ("folder", gettext_lazy("Folder: photos, metadata.json, predictions, Croissant")),
    ("imagefolder", gettext_lazy("Image folder: opens in torchvision and in datasets as it is")),
    ("webdataset", gettext_lazy("WebDataset: tar shards for streaming")),
    ("parquet", gettext_lazy("Parquet: tables with the photos inside")),
]


def categories() -> list[tuple[str, str]]:
    """Return every category with its number of listings, indented by depth."""
    found = [("", _("Every category"))]

    def add(nodes: list[CategoryNode], depth: int) -> None:
        for node in nodes:
            found.append((node["path"], f"{'    ' * depth}{node['name']} ({node['count']})"))
            add(node["children"], depth + 1)

    add(category_tree(), 0)
    return found


def colours() -> list[tuple[str, str]]:
    """Return the colours that a listing may have."""
    return [(name, capfirst(colour_label(name))) for name in COLOURS]


def choice_attributes() -> list[Attribute]:
    """Return the attributes with a handful of values, which can be ticked; the most used first."""
    attributes = Attribute.objects.filter(kind=Attribute.Kind.CHOICE).annotate(values=Count("choices"))
    few = attributes.filter(values__gte=2, values__lte=MOST_VALUES).order_by("name")
    return list(few.prefetch_related("choices")[:MOST_ATTRIBUTES])


def labels() -> list[tuple[str, str]]:
    """Return what can be learned: category, condition, an attribute, a group of tags, or nothing."""
    found = [("category", _("Category")), ("condition", _("Condition"))]
    attributes = Attribute.objects.filter(kind=Attribute.Kind.CHOICE).order_by("name")
    found += [(f"attribute:{code}", name) for code, name in attributes.values_list("code", "name")]
    groups = ListingTag.objects.exclude(group=KEYWORD).order_by("group").values_list("group", flat=True).distinct()
    found += [(f"tag:{group}", _("Tag: %(group)s") % {"group": group}) for group in groups]
    return [*found, ("", _("Nothing: photos without a label"))]


def recipes() -> list[tuple[str, Any]]:
    """Return the recipes to start from."""
    presets = [(name, _explained(preset_label(name), preset_help(name))) for name in PRESETS]
    own = (OWN_RECIPE, _explained(_("My own recipe"), _("Choose the operations one by one.")))
    pasted = (PASTED_RECIPE, _explained(_("A recipe as JSON"), _("Such as one that was used before.")))
    return [(NO_RECIPE, _("None")), *presets, own, pasted]


def models() -> list[tuple[str, str]]:
    """Return the models that can be asked: what serves the shop, further encoders, and checkpoints that lie here."""
    found = [(LIVE, _("The one that serves the shop"))]
    with suppress(EngineUnavailable):
        found += [(one.name, one.name) for one in engine().status().encoders]
    folder = load_settings().resolved_models_dir()
    names = sorted(path.parent.name for path in folder.glob(f"*/{CHECKPOINT_NAME}")) if folder.is_dir() else []
    return found + [(f"{PREFIX}{name}", _("PyTorch: %(name)s") % {"name": name}) for name in names]


def _explained(label: Text, said: Text) -> SafeString:
    return format_html("{}<small>{}</small>", label, said)
