"""Rows of a snapshot as records of a data set, read a few hundred at a time."""

from collections.abc import Iterator
from typing import Any

from feira.core.augment.rule import ImageRule
from feira.core.datasets.layout import image_path, variant_path
from feira.core.datasets.records import Record
from feira.shop.datasets.models import Snapshot, SnapshotRow

ROWS_AT_ONCE = 500


def records_of(snapshot: Snapshot, rule: ImageRule, *, first: str = "", last: str = "") -> Iterator[Record]:
    """Yield the records in the order of their keys, those from `first` to `last` when these are given.

    A photo that could not be read has no files and is no record.
    """
    rows = snapshot.rows.order_by("position")
    if first:
        rows = rows.filter(key__gte=first, key__lte=last)
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        if row.images:
            yield record_of(row, rule)


def record_of(row: SnapshotRow, rule: ImageRule) -> Record:
    """Return a rendered row with its files and what models said."""
    photo, *variants = [_file(row.key, number, image, rule) for number, image in enumerate(row.images)]
    return Record.from_facts(
        {
            **row.facts,
            "image": photo,
            "variants": [
                {"number": number, "image": file, "drawn": row.images[number].get("drawn", [])}
                for number, file in enumerate(variants, start=1)
            ],
            "predictions": row.predictions,
        }
    )


def file_path(key: str, number: int, rule: ImageRule) -> str:
    """Return where a picture lies in the layout of loose files; `number` 0 is the photo itself."""
    ending = rule.suffix.removeprefix(".")
    return variant_path(key, number, ending=ending) if number else image_path(key, ending=ending)


def _file(key: str, number: int, image: dict[str, Any], rule: ImageRule) -> dict[str, Any]:
    facts = {name: image[name] for name in ("sha256", "bytes", "width", "height")}
    return {"path": file_path(key, number, rule), **facts}
