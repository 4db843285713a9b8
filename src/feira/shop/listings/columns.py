"""Which column of somebody else's table is which field of a listing: rules, and one's own words beside them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from feira.core.errors import SourceError

ATTRIBUTE_PREFIX: Final = "attr:"
# For each field the columns that may hold it, the likeliest first; ours come before those of other people's exports.
FIELDS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "key": ("id", "key", "sku"),
        "title": ("title", "name", "product_display_name", "product_name", "product_title", "caption"),
        "description": ("description", "body", "text"),
        "price": ("price", "amount"),
        "currency": ("currency",),
        "condition": ("condition",),
        "stock": ("stock", "quantity"),
        "seller": ("seller", "vendor", "shop"),
        "photos": ("photos", "photo", "file", "file_name", "filename", "image", "images", "image_path", "image_url"),
        "tags": ("tags", "keywords"),
        "category": ("category", "categories", "group"),
    }
)
# Columns that are the levels of a category together, from the root; taken where no single column names it.
LEVELS: Final = ("master_category", "sub_category", "article_type")
ATTRIBUTES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "colour": ("colour", "color", "base_colour", "base_color"),
        "gender": ("gender",),
        "season": ("season",),
        "usage": ("usage",),
        "year": ("year",),
        "size": ("size",),
        "brand": ("brand",),
        "material": ("material",),
    }
)
# Each of these names a single file, which is a name that a row keeps: ours may hold several photos.
_FILE_COLUMNS: Final = FIELDS["photos"][2:]


def plain_name(column: str) -> str:
    """Return a column's name in lower case with underscores.

    >>> [plain_name(name) for name in ("productDisplayName", "Base Colour", "file", "attr:Size", "imageURL")]
    ['product_display_name', 'base_colour', 'file', 'attr:size', 'image_url']
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[\s\-]+", "_", parted).lower()


def parse_own_rules(rules: Iterable[str]) -> dict[str, str]:
    """Return column → field of rules such as `Bezeichnung=title` or `Farbe=attr:colour`.

    Raises:
        SourceError: a rule names no column, or a field that does not exist.
    """
    own = {}
    for rule in rules:
        column, _equals, field = rule.partition("=")
        if not column.strip() or not (field in FIELDS or (field.startswith(ATTRIBUTE_PREFIX) and field[5:].strip())):
            known = ", ".join(FIELDS)
            raise SourceError(f"“{rule}” is no rule. Write COLUMN=FIELD, with a field of: {known}, attr:NAME.")
        own[plain_name(column)] = field
    return own


def as_fields(row: Mapping[str, Any], own: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Return the values of a row under the names of a record's fields, empty ones left out; unknown columns are gone.

    A column that one's own rules name counts for nothing else, and they go before ours. Attributes stand under
    `attributes`, by code.

    >>> as_fields({"name": "Cat", "group": "Animals", "baseColour": "Grey", "file": "cat.png", "width": 128})
    {'title': 'Cat', 'photos': 'cat.png', 'category': 'Animals', 'attributes': {'colour': 'Grey'}, 'key': 'cat.png'}
    """
    values = {plain_name(str(name)): value for name, value in row.items() if value not in (None, "", [])}
    free = {name: value for name, value in values.items() if name not in own}
    fields = {field: free[name] for field, names in FIELDS.items() if (name := _first(names, free)) is not None}
    if "category" not in fields and (levels := [str(free[name]) for name in LEVELS if name in free]):
        # A level that only repeats the one above says nothing.
        fields["category"] = [name for place, name in enumerate(levels) if place == 0 or name != levels[place - 1]]
    attributes = dict(free.get("attributes") or {})
    attributes |= {code: free[name] for code, names in ATTRIBUTES.items() if (name := _first(names, free)) is not None}
    attributes |= {name[5:]: value for name, value in free.items() if name.startswith(ATTRIBUTE_PREFIX)}
    for column, field in own.items():
        if column in values:
            place = attributes if field.startswith(ATTRIBUTE_PREFIX) else fields
            place[field.removeprefix(ATTRIBUTE_PREFIX)] = values[column]
    fields["attributes"] = {str(code): str(value) for code, value in attributes.items()}
    if "key" not in fields and (name := _first(_FILE_COLUMNS, free)) is not None:
        fields["key"] = free[name]
    return fields


def has_photos(columns: Iterable[str], own: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Tell whether one of these columns names photos, so that the table can be a catalogue."""
    plain = {plain_name(column) for column in columns}
    return bool(plain & set(FIELDS["photos"])) or any(own.get(column) == "photos" for column in plain)


def _first(names: Sequence[str], values: Mapping[str, Any]) -> str | None:
    return next((name for name in names if name in values), None)
