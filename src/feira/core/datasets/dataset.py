"""A data set as a whole: what is said about it, its records in their order, and what they amount to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from feira.core.datasets.errors import DatasetEmpty, InvalidRecord
from feira.core.datasets.layout import NO_SPLIT
from feira.core.datasets.records import Record

LICENCE_NOTE = (
    "The photos and texts belong to the people who offered the goods. They are here because the shop's terms allow "
    "training and evaluation by the shop's own team; they do not allow giving the data set away."
)


@dataclass(frozen=True, slots=True)
class Description:
    """What is said about a data set; nothing here may depend on when or where it is written.

    Args:
        name: small letters, digits and hyphens, as in `shoes-3-augmentations`.
        title: one line for people.
        content_hash: from `canonical.content_hash`.
        request: what was asked for, as JSON.
        about: a sentence or two for people.
        label_field: where labels come from, as in `category`; empty when nothing is labelled.
        licence: address or name of a licence, for machines; `note` says it for people.
        encoders: ids of the models whose answers are in the data set.
    """

    name: str
    title: str
    content_hash: str
    request: Mapping[str, Any]
    about: str = ""
    label_field: str = ""
    licence: str = "LicenseRef-proprietary"
    licence_note: str = LICENCE_NOTE
    encoders: tuple[str, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A description and a function that starts a new pass over the records, ascending by key, each time."""

    description: Description
    records: Callable[[], Iterable[Record]]

    def in_order(self) -> Iterator[Record]:
        """Yield the records; see `in_order`."""
        return in_order(self.records())


def in_order(records: Iterable[Record]) -> Iterator[Record]:
    """Yield the records as they come.

    Raises:
        InvalidRecord: one does not come after the one before it by its key.
    """
    last = ""
    for record in records:
        if record.key <= last:
            raise InvalidRecord(
                f"The record {record.key} came after {last}. Give records in ascending order of their keys, each once.",
                key=record.key,
            )
        last = record.key
        yield record


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a data set, gathered in one pass; memory grows with the number of labels and splits only.

    Args:
        photos: number of records; `variants` counts augmented copies, `predictions` what models said.
        bytes: of all photos and variants.
        by_split: split → records (`all` when there is no split), sorted.
        by_label: label → split → records, sorted; records without a label are not in it.
        unlabelled: records without a label.
        newest: the latest moment of publication, ISO 8601 in UTC; `None` when no record has one.
        endings: of image files, sorted, without dots.
    """

    photos: int
    variants: int
    predictions: int
    bytes: int
    by_split: Mapping[str, int]
    by_label: Mapping[str, Mapping[str, int]]
    unlabelled: int
    newest: str | None
    endings: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """The labels by code point: a label's place in this list is its class number in every format."""
        return list(self.by_label)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Count the records.

        Raises:
            DatasetEmpty: none came.
            InvalidRecord: see `in_order`.
        """
        counts: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        splits: Counter[str] = Counter()
        endings: set[str] = set()
        newest: str | None = None
        for record in in_order(records):
            split = record.split or NO_SPLIT
            splits[split] += 1
            if record.label is not None:
                pairs[record.label, split] += 1
            counts["variants"] += len(record.variants)
            counts["predictions"] += len(record.predictions)
            for _, image in record.files():
                counts["bytes"] += image.bytes
                endings.add(image.ending)
            newest = max(filter(None, (newest, record.published_at)), default=None)
        if not splits:
            raise DatasetEmpty("Not one photo is in this data set. Ask for more categories, states or dates.")
        by_label: dict[str, dict[str, int]] = {}
        for (label, split), count in sorted(pairs.items()):
            by_label.setdefault(label, {})[split] = count
        return cls(
            photos=splits.total(),
            variants=counts["variants"],
            predictions=counts["predictions"],
            bytes=counts["bytes"],
            by_split=dict(sorted(splits.items())),
            by_label=by_label,
            unlabelled=splits.total() - pairs.total(),
            newest=newest,
            endings=tuple(sorted(endings)),
        )
