"""The JSON files of a data set: what is known of each photo, what models said, which files there are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.dataset import Dataset, Description, Summary
from feira.core.datasets.errors import InvalidRecord
from feira.core.datasets.layout import FORMAT_VERSION
from feira.core.datasets.records import Record
from feira.core.datasets.written import FileFacts

FORMAT_NAME = "feira-dataset"


def metadata_json(dataset: Dataset, summary: Summary) -> Iterator[bytes]:
    """Yield one JSON object: the head, and under `records` everything of each photo, one photo on each line."""
    head = {**_head(dataset.description), "labels": summary.labels, "photos": summary.photos}
    yield from _listed(head, "records", (record.facts() for record in dataset.in_order()))


def predictions_jsonl(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield one line of JSON for what one model said about one file: key, variant, model, label, confidence, scores.

    `label` and `confidence` are the model's first choice, `None` where it had none; `scores` are all, best first.
    """
    for record in records:
        for said in record.predictions:
            scores = [{"label": score.label, "confidence": score.confidence} for score in said.scores]
            first = scores[0] if scores else {"label": None, "confidence": None}
            line = {"key": record.key, "variant": said.variant, "model": said.model, **first, "scores": scores}
            yield canonical_json(line) + b"\n"


def labels_json(labels: Sequence[str]) -> bytes:
    """Return the labels as a JSON list: a label's place is its class number in every format."""
    return canonical_json(list(labels)) + b"\n"


def manifest_json(description: Description, files: Iterable[FileFacts]) -> Iterator[bytes]:
    """Yield one JSON object that lists path, size and SHA-256 of each file, one on each line.

    Raises:
        InvalidRecord: the files do not come in ascending order of their paths by code point, each once.
    """
    yield from _listed(_head(description), "files", _ascending(files))


def _ascending(files: Iterable[FileFacts]) -> Iterator[dict[str, Any]]:
    last = ""
    for file in files:
        if file.path <= last:
            raise InvalidRecord(
                f"{file.path} came after {last}. Give files in ascending order of their paths, each once.",
                path=file.path,
            )
        last = file.path
        yield {"path": file.path, "bytes": file.bytes, "sha256": file.sha256}


def _head(description: Description) -> dict[str, Any]:
    return {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "name": description.name,
        "content_hash": description.content_hash,
    }


def _listed(head: dict[str, Any], name: str, values: Iterable[Any]) -> Iterator[bytes]:
    """Yield an object with one long list as its last member, a value at a time."""
    yield canonical_json(head)[:-1] + b"," + canonical_json(name) + b":["
    between = b"\n"
    for value in values:
        yield between + canonical_json(value)
        between = b",\n"
    yield b"\n]}\n"
