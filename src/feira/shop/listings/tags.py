"""What tags say: how they are shown, and which of a listing's are in use."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from django.conf import settings
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feira.core.images.colours import COLOUR_NAMES, MULTICOLOUR
from feira.shop.listings.models import ListingTag

COLOUR = "colour"
KEYWORD = "keyword"
# What a taught classifier says of a photo in the words of the shop's own categories.
CATEGORY = "category"
# Attributes by which sellers state a colour.
COLOUR_CODES = ("colour", "color")
MOST_TAGS = 30
MOST_NAME, MOST_GROUP = 60, 40

TAG_COLUMNS = ("group", "name", "confidence", "source")

COLOURS = (*COLOUR_NAMES, MULTICOLOUR)
_LABELS = {
    "black": _("black"),
    "white": _("white"),
    "grey": _("grey"),
    "red": _("red"),
    "orange": _("orange"),
    "yellow": _("yellow"),
    "green": _("green"),
    "turquoise": _("turquoise"),
    "blue": _("blue"),
    "purple": _("purple"),
    "pink": _("pink"),
    "brown": _("brown"),
    "beige": _("beige"),
    MULTICOLOUR: _("multicolour"),
}


class ShownTag(TypedDict):
    """A tag as pages and the API show it; `confidence` is from 0 to 1."""

    name: str
    group: str
    label: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True, order=True)
class TagName:
    """Which tag: the group keeps the colour orange apart from the fruit."""

    group: str
    name: str

    @property
    def key(self) -> str:
        """The tag as one value of a form."""
        return f"{self.group}:{self.name}"

    @classmethod
    def from_key(cls, key: str) -> "TagName | None":
        """Return the tag of a form's value, None when it is none."""
        group, _colon, name = key.partition(":")
        return tag_name(name, group=group)


def tag_name(text: str, *, group: str = "") -> TagName | None:
    """Return the tag that somebody means by a text, None when it says nothing.

    Names are kept in lower case with single spaces. A colour's name, in English or the reader's language, is a colour
    unless another group is given.

    >>> tag_name("  Polka   Dots "), tag_name("Red"), tag_name("\\0 ")
    (TagName(group='keyword', name='polka dots'), TagName(group='colour', name='red'), None)
    """
    name = " ".join(text.replace("\0", " ").lower().split())[:MOST_NAME].strip()
    if not name:
        return None
    group = " ".join(group.replace("\0", " ").replace(":", " ").lower().split())[:MOST_GROUP]
    if group in ("", COLOUR):
        colour = _colour_called(name)
        return TagName(COLOUR, colour) if colour else TagName(group or KEYWORD, name)
    return TagName(group, name)


def _colour_called(name: str) -> str | None:
    if name in _LABELS:
        return name
    return next((colour for colour, label in _LABELS.items() if str(label).lower() == name), None)


def colour_label(name: str) -> str:
    """Return a colour's name in the reader's language."""
    return str(_LABELS.get(name, name))


def label_of(tag: TagName) -> str:
    """Return a tag as people read it."""
    return colour_label(tag.name) if tag.group == COLOUR else tag.name


def group_label(group: str) -> str:
    """Return a group's name in the reader's language, or as it came."""
    known = {COLOUR: gettext("Colour"), KEYWORD: gettext("Keyword"), CATEGORY: gettext("Category")}
    return known.get(group) or capfirst(group.replace("_", " "))


def searchable_text(tags: Iterable[TagName]) -> str:
    """Return the tags as the keyword index takes them: a colour in every language of the shop."""
    words: dict[str, None] = {}
    for tag in sorted(tags):
        words[tag.name] = None
        if tag.group == COLOUR:
            for code, _name in settings.LANGUAGES:
                with translation.override(code):
                    words[colour_label(tag.name)] = None
    return " ".join(words)


def tags_of(listing_ids: Sequence[int]) -> dict[int, list[ShownTag]]:
    """Return the tags in use of each listing that has any, colours first, then the surest; one query."""
    rows = ListingTag.objects.filter(listing_id__in=listing_ids, removed_at__isnull=True)
    found: dict[int, list[ShownTag]] = defaultdict(list)
    for row in rows.order_by("group", "-confidence", "name").values("listing_id", *TAG_COLUMNS):
        found[row["listing_id"]].append(shown_tag(row))
    return {listing_id: in_order(tags) for listing_id, tags in found.items()}


def shown_tag(row: Mapping[str, Any]) -> ShownTag:
    """Turn a tag's columns into what is shown of it."""
    return ShownTag(
        name=row["name"],
        group=row["group"],
        label=label_of(TagName(row["group"], row["name"])),
        confidence=round(row["confidence"], 3),
        source=row["source"],
    )


def in_order(tags: Iterable[ShownTag]) -> list[ShownTag]:
    """Return tags with colours first, then by group, the surest first."""
    return sorted(tags, key=lambda tag: (tag["group"] != COLOUR, tag["group"], -tag["confidence"], tag["name"]))
