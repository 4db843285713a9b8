"""The files that complete a data set once its photos, shards or tables are there."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from typing import Literal

from feira.core.datasets.card import card_markdown
from feira.core.datasets.croissant import croissant_json
from feira.core.datasets.dataset import Dataset, Summary
from feira.core.datasets.documents import labels_json, manifest_json, metadata_json, predictions_jsonl
from feira.core.datasets.folders import folder_metadata, folder_metadata_path
from feira.core.datasets.layout import CARD, CROISSANT, LABELS, MANIFEST, METADATA, NO_SPLIT, PREDICTIONS
from feira.core.datasets.records import Record
from feira.core.datasets.written import FileFacts, Watched

Format = Literal["files", "webdataset", "parquet", "imagefolder"]


def closing_files(
    dataset: Dataset, kind: Format, files: Callable[[], Iterable[FileFacts]], *, summary: Summary | None = None
) -> Iterator[Watched]:
    """Yield the remaining files, each to be written to its end before the next is asked for.

    These are `metadata.json`, `predictions.jsonl` when models said something, `labels.json` when there are labels, a
    `metadata.jsonl` for each split of an image folder, `croissant.json`, `README.md`, and `manifest.json` at last,
    which lists `files` and all the others.

    Args:
        files: starts a new pass over what has been written already, ascending by path (by code point): photos for
            `files` (`photo_files` has them) and `imagefolder`, else shards or tables.
        summary: of the same records, where it is known already.

    Raises:
        DatasetEmpty: there is no record.
        InvalidRecord: records or files come in another order.
        LabelMissing: an image folder with a photo that has no label.
    """
    summary = summary or Summary.of(dataset.records())
    written: list[FileFacts] = []
    for path, chunks in _bodies(dataset, kind, summary):
        watched = Watched(path, chunks)
        yield watched
        written.append(watched.facts)
    pieces = files if kind in ("webdataset", "parquet") else list
    croissant = croissant_json(dataset.description, summary, kind, [*written, *pieces()])
    card = card_markdown(dataset.description, summary, kind)
    for path, content in ((CROISSANT, croissant), (CARD, card)):
        watched = Watched(path, [content])
        yield watched
        written.append(watched.facts)
    written.sort(key=_path)
    yield Watched(MANIFEST, manifest_json(dataset.description, merge(files(), written, key=_path)))


def photo_files(records: Callable[[], Iterable[Record]]) -> Iterator[FileFacts]:
    """Yield the photos of the layout `files`, ascending by path: two passes, variants first."""
    for record in records():
        for variant in record.variants:
            yield FileFacts(variant.image.path, variant.image.sha256, variant.image.bytes)
    for record in records():
        yield FileFacts(record.image.path, record.image.sha256, record.image.bytes)


def _bodies(dataset: Dataset, kind: Format, summary: Summary) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield METADATA, metadata_json(dataset, summary)
    if summary.predictions:
        yield PREDICTIONS, predictions_jsonl(dataset.in_order())
    if summary.labels:
        yield LABELS, [labels_json(summary.labels)]
    if kind == "imagefolder":
        for split in summary.by_split:
            yield from _of_split(dataset, summary.labels, None if split == NO_SPLIT else split)


def _of_split(dataset: Dataset, labels: Sequence[str], split: str | None) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield folder_metadata_path(split), folder_metadata(dataset.records(), labels, split=split)


def _path(file: FileFacts) -> str:
    return file.path
