"""Import sources as records: CSV, JSON Lines, Parquet, or a folder of photos whose sub-folders are categories."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feira.core.errors import SourceError
from feira.shop.listings.columns import as_fields, has_photos

try:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile
except ImportError:  # the extra `parquet` is not installed
    ParquetFile = None

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".heic"}
SPLIT_FOLDERS = {"train", "test", "validation", "val"}
LIST_SEPARATOR = "|"
_TAG_SEPARATORS = re.compile(r"[|;,]")


@dataclass(frozen=True, slots=True)
class Record:
    """One listing to be: a key that is unique and stable in its source, and its fields as found there.

    Fields: title, description, category (list of names from the root), price, currency, condition, stock, seller,
    photos (list of paths or URLs), attributes (mapping of code to text), tags (list), reference (the key where it means
    something outside of the source).
    """

    key: str
    fields: dict[str, Any]


def read_records(source: Path, own_rules: Mapping[str, str] = MappingProxyType({})) -> Iterator[Record]:
    """Read a source: a table, a folder with one table that names photos, or a folder of photos.

    Args:
        own_rules: column → field, as `columns.parse_own_rules` returns them.

    Raises:
        SourceError: it does not exist, has a suffix we do not read, or is no valid file of its kind.
    """
    if source.is_dir():
        table = table_in(source, own_rules)
        return _read_folder(source) if table is None else read_records(table, own_rules)
    if not source.exists():
        raise SourceError(f"There is no file or folder {source}.")
    reader = _READERS.get(source.suffix.lower())
    if reader is None:
        raise SourceError(f"{source.name} is none of: a folder of photos, {', '.join(_READERS)}.")
    return _keyed(reader(source), base=source.parent, own_rules=own_rules)


def table_in(folder: Path, own_rules: Mapping[str, str] = MappingProxyType({})) -> Path | None:
    """Return the table directly in the folder that says what its photos show, None when there is none.

    Raises:
        SourceError: several could be meant, or one of them is damaged.
    """
    tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _READERS and path.is_file()]
    found = [path for path in tables if has_photos(_columns_of(path), own_rules)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise SourceError(f"Each of {names} in {folder} could be the catalogue. Name the one that you mean.")
    return found[0] if found else None


def _columns_of(table: Path) -> Iterable[str]:
    return next(_READERS[table.suffix.lower()](table), {})


def _read_folder(folder: Path) -> Iterator[Record]:
    photos = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    found = False
    for path in photos:
        inside = path.relative_to(folder)
        names = [part for part in inside.parts[:-1] if part.lower() not in SPLIT_FOLDERS]
        category = [_words(name) for name in names] or [_words(folder.name)]
        found = True
        fields = {
            "title": category[-1],
            "category": category,
            "photos": [str(path.resolve())],
            "reference": str(inside),
        }
        yield Record(str(inside), fields)
    if not found:
        raise SourceError(f"There is no photo in {folder} ({', '.join(sorted(PHOTO_SUFFIXES))}).")


def with_defaults(records: Iterable[Record], defaults: Mapping[str, str]) -> Iterator[Record]:
    """Give records these facts where they name none."""
    for record in records:
        yield Record(record.key, {**defaults, **record.fields})


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
                json.dumps(record, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise SourceError(f"Line {number} of {source.name} holds half a character (a surrogate).") from error
            except RecursionError as error:
                raise SourceError(f"Line {number} of {source.name} is nested too deeply.") from error
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


def _keyed(rows: Iterator[dict[str, Any]], *, base: Path, own_rules: Mapping[str, str]) -> Iterator[Record]:
    for number, row in enumerate(rows, start=1):
        fields = as_fields(row, own_rules)
        # Without a name of its own a row is known by its place, which means nothing to anybody else.
        reference = str(fields.pop("key", ""))
        if reference:
            fields["reference"] = reference
        yield Record(reference or f"row {number}", normalised(fields, base=base))


def normalised(fields: dict[str, Any], *, base: Path) -> dict[str, Any]:
    """Return a record's fields with lists made of texts and photos' paths made absolute.

    Lists are written `a|b`, tags also `a;b` or `a, b`, categories also `Clothing > Shoes`.
    """
    category, photos, tags = fields.get("category", []), fields.get("photos", []), fields.get("tags", [])
    if isinstance(category, str):
        fields["category"] = [part.strip() for part in category.replace(">", LIST_SEPARATOR).split(LIST_SEPARATOR)]
    if isinstance(photos, str):
        photos = [part.strip() for part in photos.split(LIST_SEPARATOR) if part.strip()]
    fields["photos"] = [_absolute(str(photo), base) for photo in photos]
    if len(tags):
        parts = _TAG_SEPARATORS.split(tags) if isinstance(tags, str) else tags
        fields["tags"] = [text for part in parts if (text := str(part).strip())]
    return fields


def _absolute(photo: str, base: Path) -> str:
    return photo if photo.startswith(("http://", "https://")) else str((base / photo).resolve())


_READERS: Mapping[str, Callable[[Path], Iterator[dict[str, Any]]]] = MappingProxyType(
    {".csv": _read_csv, ".jsonl": _read_json_lines, ".ndjson": _read_json_lines, ".parquet": _read_parquet}
)
