"""An image folder: `SPLIT/LABEL/NAME.jpg`, which torchvision reads as classes and `datasets` with what is known."""

from collections.abc import Iterable, Iterator, Sequence

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.columns import Sample, columns_of, samples_of
from feira.core.datasets.dataset import in_order
from feira.core.datasets.errors import LabelMissing
from feira.core.datasets.layout import FOLDER_METADATA, NO_SPLIT, folder_path, label_folders
from feira.core.datasets.records import ImageFile, Record

# Readers guess a column's type from what they see first: these are never missing. The rest is in `facts`, as text.
_ALWAYS_THERE = ("key", "variant", "label", "label_name", "listing", "seller", "category", "width", "height")


def folder_files(records: Iterable[Record], labels: Sequence[str]) -> Iterator[tuple[str, ImageFile]]:
    """Yield each image's place in the folder and the image.

    Args:
        labels: of the whole data set, `Summary.labels`.

    Raises:
        LabelMissing: a record has no label, so that it has no folder.
        InvalidRecord: the records are not in ascending order of their keys.
    """
    for path, sample in _placed(records, labels):
        yield path, sample.image


def folder_metadata(records: Iterable[Record], labels: Sequence[str], *, split: str | None) -> Iterator[bytes]:
    """Yield the lines of a split's `metadata.jsonl`: file name in the split's folder, label, and all that is known.

    Raises:
        LabelMissing: a record of the split has no label.
        InvalidRecord: the records are not in ascending order of their keys.
    """
    classes = {label: number for number, label in enumerate(labels)}
    there = f"{split or NO_SPLIT}/"
    for path, sample in _placed((record for record in records if record.split == split), labels):
        columns = columns_of(sample, classes=classes)
        line = {name: columns.pop(name) for name in _ALWAYS_THERE}
        line["file_name"] = path.removeprefix(there)
        # A title that looks like a date would make the whole column dates; as text within JSON it stays a title.
        line["facts"] = canonical_json(columns).decode()
        yield canonical_json(line) + b"\n"


def folder_metadata_path(split: str | None) -> str:
    """Return the place of a split's `metadata.jsonl`, as in `train/metadata.jsonl`."""
    return f"{split or NO_SPLIT}/{FOLDER_METADATA}"


def _placed(records: Iterable[Record], labels: Sequence[str]) -> Iterator[tuple[str, Sample]]:
    folders = label_folders(list(labels))
    for record in in_order(records):
        if record.label is None:
            raise LabelMissing(
                f"The photo {record.key} of {record.listing} has no label, and an image folder needs one for each. "
                "Choose another label field, leave out what has none, or ask for another format.",
                key=record.key,
            )
        for sample in samples_of(record):
            yield folder_path(record, sample.number, sample.image, folder=folders[record.label]), sample
