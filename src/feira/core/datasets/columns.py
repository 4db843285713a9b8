"""A photo or a variant as one row of plain columns, the same ones in shards, tables and image folders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from feira.core.datasets.canonical import canonical_json, rounded
from feira.core.datasets.layout import sample_name
from feira.core.datasets.records import ImageFile, Record, Value

# The type of a column in words: a text; one in a list for lists of it; names and theirs for structures.
ColumnType = str | list["ColumnType"] | dict[str, "ColumnType"]

COLUMN_TYPES: dict[str, ColumnType] = {
    "key": "string",
    "variant": "int32",
    "label": "int64",
    "label_name": "string",
    "listing": "string",
    "seller": "string",
    "position": "int32",
    "title": "string",
    "description": "string",
    "category": "string",
    "split": "string",
    "price_minor": "int64",
    "currency": "string",
    "condition": "string",
    "state": "string",
    "published_at": "string",
    "updated_at": "string",
    "attributes": [{"name": "string", "value": "string"}],
    "tags": [{"group": "string", "name": "string", "confidence": "float64", "source": "string"}],
    "colours": ["string"],
    "predictions": [{"model": "string", "label": "string", "confidence": "float64"}],
    "drawn": "string",
    "photo_sha256": "string",
    "sha256": "string",
    "width": "int32",
    "height": "int32",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a data set: the photo of a record (`number` 0) or one of its variants."""

    record: Record
    number: int
    image: ImageFile

    @property
    def name(self) -> str:
        """The record's key, and the number for a variant: unique in a data set, without dots."""
        return sample_name(self.record.key, self.number)


def samples_of(record: Record) -> Iterator[Sample]:
    """Yield the photo, then its variants."""
    for number, image in record.files():
        yield Sample(record, number, image)


def columns_of(sample: Sample, *, classes: Mapping[str, int]) -> dict[str, Any]:
    """Return the row of a sample, with the columns of `COLUMN_TYPES` in their order.

    Attributes are pairs of texts, so that the column has one type whatever shops call their attributes.

    Args:
        classes: label → class number. A label that is not in it raises `KeyError`.
    """
    record = sample.record
    return {
        "key": record.key,
        "variant": sample.number,
        "label": None if record.label is None else classes[record.label],
        "label_name": record.label,
        "listing": record.listing,
        "seller": record.seller,
        "position": record.position,
        "title": record.title,
        "description": record.description,
        "category": record.category,
        "split": record.split,
        "price_minor": record.price_minor,
        "currency": record.currency,
        "condition": record.condition,
        "state": record.state,
        "published_at": record.published_at,
        "updated_at": record.updated_at,
        "attributes": [{"name": name, "value": _text(record.attributes[name])} for name in sorted(record.attributes)],
        "tags": [
            {"group": tag.group, "name": tag.name, "confidence": rounded(tag.confidence), "source": tag.source}
            for tag in record.tags
        ],
        "colours": list(record.colours),
        "predictions": [
            {"model": said.model, "label": score.label, "confidence": rounded(score.confidence)}
            for said in record.predictions
            if said.variant == sample.number
            for score in said.scores
        ],
        "drawn": _drawn(sample),
        "photo_sha256": record.photo_sha256,
        "sha256": sample.image.sha256,
        "width": sample.image.width,
        "height": sample.image.height,
    }


def _drawn(sample: Sample) -> str | None:
    """Return what was drawn for a variant as JSON; `None` for the photo itself."""
    for variant in sample.record.variants:
        if variant.number == sample.number:
            return canonical_json(variant.drawn).decode()
    return None


def _text(value: Value) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()
