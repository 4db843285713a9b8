"""Import sources as records: CSV, JSON Lines, Parquet, or a folder of photos whose sub-folders are categories."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from feira.core.errors import SourceError

try:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile
except ImportError:  # the extra `parquet` is not installed
    ParquetFile = None

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".heic"}
SPLIT_FOLDERS = {"train", "test", "validation", "val"}
LIST_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Record:
    """One listing to be: a key that is unique and stable in its source, and its fields as found there.

    Fields: title, description, category (list of names from the root), price, currency, condition, stock, seller,
    photos (list of paths or URLs), attributes (mapping of code to text).
    """

    key: str
    fields: dict[str, Any]


def read_records(source: Path) -> Iterator[Record]:
    """Read a source.

    Raises:
        SourceError: it does not exist, has a suffix we do not read, or is no valid file of its kind.
    """
    if source.is_dir():
        return _read_folder(source)
    readers: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
        ".csv": _read_csv,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".parquet": _read_parquet,
    }
    if not source.exists():
        raise SourceError(f"There is no file or folder {source}.")
    reader = readers.get(source.suffix.lower())
    if reader is None:
        raise SourceError(f"{source.name} is none of: a folder of photos, {', '.join(readers)}.")
    return _keyed(reader(source), base=source.parent)


def _read_folder(folder: Path) -> Iterator[Record]:
    photos = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    found = False
    for path in photos:
        inside = path.relative_to(folder)
        names = [part for part in inside.parts[:-1] if part.lower() not in SPLIT_FOLDERS]
        category = [_words(name) for name in names] or [_words(folder.name)]
        found = True
        yield Record(str(inside), {"title": category[-1], "category": category, "photos": [str(path.resolve())]})
    if not found:
        raise SourceError(f"There is no photo in {folder} ({', '.join(sorted(PHOTO_SUFFIXES))}).")


def with_price(records: Iterable[Record], price: Decimal) -> Iterator[Record]:
    """Give records that name no price this one."""
    for record in records:
        yield Record(record.key, {"price": str(price), **record.fields})


def _words(folder_name: str) -> str:
    return folder_name.replace("_", " ").strip().capitalize() or "Other"


def _read_csv(source: Path) -> Iterator[dict[str, Any]]:
    with source.open(newline="", encoding="utf-8-sig") as file:
        try:
            yield from csv.DictReader(file, restkey="_surplus", strict=True)
        except (csv.Error, UnicodeDecodeError) as error:
            raise SourceError(f"{source.name} is not a valid CSV file in UTF-8: {error}.") from error


def _read_json_lines(source: Path) -> Iterator[dict[str, Any]]:
    with source.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise SourceError(f"Line {number} of {source.name} is not JSON: {error}.") from error
            if not isinstance(record, dict):
                raise SourceError(f"Line {number} of {source.name} is not a JSON object.")
            yield record


def _read_parquet(source: Path) -> Iterator[dict[str, Any]]:
    if ParquetFile is None:
        raise SourceError("Parquet needs the extra `parquet`: pip install 'feira[parquet]'.")
    try:
        with ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=500):
                yield from batch.to_pylist()
    except (OSError, ArrowException) as error:
        raise SourceError(f"{source.name} is not a valid Parquet file: {error}.") from error


def _keyed(rows: Iterator[dict[str, Any]], *, base: Path) -> Iterator[Record]:
    for number, row in enumerate(rows, start=1):
        key = str(row.get("id") or row.get("key") or f"row {number}")
        yield Record(key, normalised(row, base=base))


def normalised(row: dict[str, Any], *, base: Path) -> dict[str, Any]:
    """Return a flat row (as in CSV) in the shape of a record's fields; paths become absolute.

    Lists are written `a|b`, categories also `Clothing > Shoes`, attributes as columns named `attr:colour`.
    """
    fields = {name: value for name, value in row.items() if value not in (None, "")}
    category = fields.get("category", [])
    if isinstance(category, str):
        fields["category"] = [part.strip() for part in category.replace(">", LIST_SEPARATOR).split(LIST_SEPARATOR)]
    photos = fields.pop("photo", None) or fields.get("photos", [])
    if isinstance(photos, str):
        photos = [part.strip() for part in photos.split(LIST_SEPARATOR) if part.strip()]
    fields["photos"] = [_absolute(str(photo), base) for photo in photos]
    attributes = dict(fields.get("attributes") or {})
    attributes |= {name.removeprefix("attr:"): fields.pop(name) for name in list(fields) if name.startswith("attr:")}
    fields["attributes"] = {str(code): str(value) for code, value in attributes.items()}
    return fields


def _absolute(photo: str, base: Path) -> str:
    return photo if photo.startswith(("http://", "https://")) else str((base / photo).resolve())
