"""Data sets as the shop tells of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict


class DataSetFilters(TypedDict, total=False):
    """Which live listings pass; all of them when nothing is given.

    Attributes:
        category: a path, as in `clothing/shoes`; what lies below it passes too.
        attributes: code → values, of which one has to fit.
        words: every word has to be there, and none with a minus before it.
        similar_to: number of a listing; the `most_similar` that look most like it pass.
        published_since, published_until: with a time zone; the first passes, the last does not.
    """

    category: str
    attributes: Mapping[str, Sequence[str]]
    conditions: Sequence[str]
    colours: Sequence[str]
    min_price: Decimal | str
    max_price: Decimal | str
    seller: str
    words: str
    similar_to: int
    most_similar: int
    published_since: datetime | str
    published_until: datetime | str


class DataSetWish(TypedDict, total=False):
    """What a data set shall be; whatever is left out has the shop's default.

    Attributes:
        photos: `all` of each listing, or its `cover`.
        most_photos: fewer are drawn by a chance that is the same every time.
        label: `category`, `condition`, `attribute:CODE`, `tag:GROUP`, or nothing.
        split: such as `{"by": "seller", "ratios": {"train": 0.8, "test": 0.2}}`; by none, seller, time or hash.
        image: such as `{"fit": "square", "size": 224}`; fit is longest, shorter, square or original.
        augmentation: a recipe, such as `{"variants": 3, "operations": [{"operation": "flip", "probability": 0.5}]}`.
        predictions: such as `{"model": "live", "classes": True, "embeddings": True}`.
        formats: some of folder, imagefolder, webdataset, parquet.
        apply_augmentation: the shop's light recipe, three copies of each photo.
        apply_model: the classes that the model serving the shop sees.
    """

    filters: DataSetFilters
    photos: Literal["all", "cover"]
    most_photos: int
    label: str
    split: Mapping[str, Any]
    image: Mapping[str, Any]
    augmentation: Mapping[str, Any] | None
    predictions: Mapping[str, Any] | None
    formats: Sequence[str]
    apply_augmentation: bool
    apply_model: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a wish would give; `seconds` and `byte_size` are about right, the time `measured` here or `assumed`."""

    listings: int
    photos: int
    images: int
    byte_size: int
    seconds: float
    basis: str


@dataclass(frozen=True, slots=True)
class Step:
    """One job on the way to a data set: `done` of `total` parts, zero of zero while that is not known."""

    name: str
    job_id: int
    state: str
    done: int
    total: int
    message: str
    error: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class DataSetProgress:
    """How far a data set is.

    `state` is waiting, running, ready, failed, cancelled or pruned; `share` goes from 0 to 1.
    """

    state: str
    share: float
    error: str
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a request was resolved to; equal hashes mean equal bytes. No hash until the rows are found."""

    hash: str | None
    state: str
    listings: int
    photos: int
    byte_size: int
    manifest_sha256: str
    keep: bool
    tags: Sequence[str]
    created_at: datetime
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that was trained from a data set."""

    model: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DataSetFacts:
    """A data set as it stood when it was asked about; `request` is what was asked for, in full.

    Lists leave `trained` out: `refresh` asks for it.
    """

    id: int
    name: str
    request: Mapping[str, Any]
    target: str
    progress: DataSetProgress
    snapshot: Snapshot | None
    created_at: datetime
    delivered_at: datetime | None
    trained: Sequence[Trained] = ()


@dataclass(frozen=True, slots=True)
class DataSetRow:
    """One photo of a data set: `facts` of its listing, files made of it, and what models said of each."""

    position: int
    key: str
    split: str
    label: str
    facts: Mapping[str, Any]
    images: Sequence[Mapping[str, Any]]
    predictions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DataSetFile:
    """One file of a data set; `path` is its place in it."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What a data set has that an earlier one had not: keys, at most 1,000 each; the counts are of all."""

    is_same: bool
    is_same_request: bool
    added_count: int
    removed_count: int
    changed_count: int
    added: Sequence[str]
    removed: Sequence[str]
    changed: Mapping[str, Sequence[str]]
    request_changes: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Link:
    """An address that streams a data set as one archive, until it expires."""

    url: str
    expires_at: datetime
