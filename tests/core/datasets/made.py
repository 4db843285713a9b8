"""A small data set with real photos, uneven in every way, for the tests of what writes and reads data sets."""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from feira.core.datasets.closing import Format, closing_files, photo_files
from feira.core.datasets.dataset import Dataset, Description, Summary
from feira.core.datasets.folders import folder_files
from feira.core.datasets.layout import image_path, variant_path
from feira.core.datasets.opening import Opener, stream_image
from feira.core.datasets.parquet import part_bytes, plan_parts
from feira.core.datasets.pieces import Piece
from feira.core.datasets.records import ImageFile, Prediction, Record, Score, Tag, Variant, record_key
from feira.core.datasets.shards import plan_shards, shard_bytes
from feira.core.datasets.written import FileFacts, Watched
from feira.core.testing.photos import photo_bytes

LABELS = ("boots", "Sapatos à mão", "trainers")
COLOURS = ((200, 60, 40), (40, 90, 200), (30, 160, 90), (240, 200, 40))


class Photos:
    """Photos by SHA-256, and the opener of a data set made of them."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def keep(self, path: str, content: bytes, size: tuple[int, int]) -> ImageFile:
        digest = hashlib.sha256(content).hexdigest()
        self._kept[digest] = content
        return ImageFile(path, digest, len(content), *size)

    def __call__(self, image: ImageFile) -> BinaryIO:
        return io.BytesIO(self._kept[image.sha256])


def make_records(count: int, **changes: Any) -> tuple[list[Record], Photos]:
    """Return `count` records, ascending by key: every third has two variants, every fourth a prediction."""
    photos = Photos()
    records = [_make_record(number, photos, **changes) for number in range(count)]
    return sorted(records, key=lambda record: record.key), photos


def _make_record(number: int, photos: Photos, **changes: Any) -> Record:
    size = (40 + number % 7, 30 + number % 5)
    content = photo_bytes(COLOURS[number % 4], size, pattern="noise", seed=number)
    listing, digest = f"listing-{number // 2}", hashlib.sha256(content).hexdigest()
    key = record_key(listing=listing, photo_sha256=digest)
    variants = []
    for drawn in range(1, 3 if number % 3 == 0 else 1):
        flipped = photo_bytes(COLOURS[drawn], (24, 24), pattern="noise", seed=1000 + 10 * number + drawn)
        image = photos.keep(variant_path(key, drawn), flipped, (24, 24))
        variants.append(Variant(drawn, image, ({"operation": "crop", "drawn": {"left": drawn / 4}},)))
    values: dict[str, Any] = {
        "key": key,
        "listing": listing,
        "photo_sha256": digest,
        "seller": f"s-{number // 5}",
        "title": f"Título № {number} ✨",
        "description": 'A "quoted" line\nand another',
        "category": "clothing/shoes",
        "image": photos.keep(image_path(key), content, size),
        "label": LABELS[min(number % 5, 2)],
        "split": "test" if number // 5 % 3 == 2 else "train",
        "price_minor": 1250 + number,
        "currency": "EUR",
        "published_at": f"2026-03-{1 + number % 28:02}T10:00:00Z",
        "attributes": {"size": 36 + number, "sole": "rubber"} if number % 2 else {},
        "tags": (Tag("colour", "red", 0.625, "machine"),) if number % 2 else (),
        "colours": ("red", "white")[: number % 3],
        "variants": tuple(variants),
        "predictions": (Prediction("eye-1", (Score("boots", 0.75), Score("trainers", 0.25))),) * (number % 4 == 0),
    }
    return Record(**{**values, **changes})


def describe(**changes: Any) -> Description:
    values: dict[str, Any] = {
        "name": "shoes-3f2a",
        "title": "All shoes",
        "content_hash": "3f2a" * 16,
        "request": {"category": "clothing/shoes", "words": "à mão ```"},
        "about": "Photos of shoes with augmented copies.",
        "label_field": "category",
        "encoders": ("eye-1",),
        "seeds": {"split": 7},
        "libraries": {"pillow": "13.0.0"},
    }
    return Description(**{**values, **changes})


def write_dataset(
    folder: Path, kind: Format, records: Sequence[Record], photos: Opener, *, backwards: bool = False
) -> list[FileFacts]:
    """Write a whole data set into a folder, as an export does, and return what was written.

    Args:
        backwards: large files are written from the last to the first, as other workers might.
    """
    labels = Summary.of(records).labels
    large = list(_large_files(kind, records, photos, labels))
    written = [_write(folder, file) for file in (reversed(large) if backwards else large)]
    written.sort(key=lambda file: file.path)
    dataset = Dataset(describe(), lambda: records)
    given: Callable[[], Iterable[FileFacts]] = lambda: written  # noqa: E731 - a pass over a list
    if kind == "files":
        given = lambda: photo_files(lambda: records)  # noqa: E731
    return [*written, *(_write(folder, file) for file in closing_files(dataset, kind, given))]


def _large_files(kind: Format, records: Sequence[Record], photos: Opener, labels: list[str]) -> Iterable[Watched]:
    def held(piece: Piece) -> list[Record]:
        return [record for record in records if piece.holds(record)]

    if kind == "webdataset":
        for piece in plan_shards(records, labels, most_bytes=60_000):
            yield Watched(piece.path, shard_bytes(held(piece), photos, labels))
    elif kind == "parquet":
        for piece in plan_parts(records, most_bytes=20_000):
            yield Watched(piece.path, part_bytes(held(piece), photos, labels))
    else:
        files = ((image.path, image) for record in records for _, image in record.files())
        for path, image in folder_files(records, labels) if kind == "imagefolder" else files:
            yield Watched(path, stream_image(image, photos))


def _write(folder: Path, file: Watched) -> FileFacts:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.writelines(file)
    return file.facts
