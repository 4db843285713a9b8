"""One photo of a listing as it stands in a data set: plain, frozen, checked values."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from feira.core.datasets.errors import InvalidRecord

Value = str | bool | int | float

KEY_LENGTH = 32
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{1,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
# `all` is what files of a data set without splits are called.
_SPLIT = re.compile(r"(?!all$)[a-z][a-z0-9_]{0,29}")
# Each part begins with a letter or digit: no path can climb, hide, or be taken for an option.
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*\.[a-z0-9]{2,8}")


def record_key(*, listing: str, photo_sha256: str) -> str:
    """Return the key of a photo on a listing: 32 hex digits that stay the same on every machine and in every export.

    Sorted by key, the photos of a shop lie in an order without meaning, so that shards need no shuffling.
    """
    return hashlib.sha256(f"{listing}\0{photo_sha256}".encode()).hexdigest()[:KEY_LENGTH]


def check_path(path: str) -> None:
    """Let through only paths that stay in their folder on every system, whatever unpacks them.

    Raises:
        InvalidRecord: the path is something else than folders and a file name of ASCII letters, digits, - and _.
    """
    _matches(_PATH, path, "path", "folders and a file name of letters, digits, - and _, with an ending")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image file of a data set; `path` is its place in the layout, with `/` between folders.

    Args:
        sha256: of the file's bytes, 64 hex digits in small letters.
        bytes: size of the file.
        width: of the upright picture, in pixels; `height` likewise.

    Raises:
        InvalidRecord: a path that could leave its folder, a digest that is none, a size below one.
    """

    path: str
    sha256: str
    bytes: int
    width: int
    height: int

    def __post_init__(self) -> None:
        check_path(self.path)
        _matches(_SHA256, self.sha256, "sha256", "64 hex digits in small letters")
        if min(self.bytes, self.width, self.height) < 1:
            raise InvalidRecord(f"The file {self.path} has no bytes or no pixels.", path=self.path)

    @property
    def ending(self) -> str:
        """The file's ending without a dot, as in `jpg`."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Variant:
    """One augmented copy of the photo: its number from 1 on, its file, and what was drawn for each operation."""

    number: int
    image: ImageFile
    drawn: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InvalidRecord(f"Variants count from 1, this one has the number {self.number}.", number=self.number)


@dataclass(frozen=True, slots=True)
class Score:
    """A label and how sure the model is of it, 0 to 1."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model says about one file, best first; `variant` 0 is the photo itself."""

    model: str
    scores: tuple[Score, ...]
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A word for what the listing shows, with its group, such as colour or keyword."""

    group: str
    name: str
    confidence: float = 1.0
    source: str = "seller"


@dataclass(frozen=True, slots=True)
class Record:
    """One photo of one listing.

    Args:
        key: see `record_key`; names the photo in every format. Small letters, digits, - and _ only.
        listing: what the listing is called outside the shop's people, as in `listing-17`.
        photo_sha256: of the original photo, whatever was made of it: copies of a photo share it.
        seller: a pseudonym; never a name or a number of an account.
        category: path of slugs, as in `clothing/shoes`.
        published_at: ISO 8601 with a zone; kept in UTC. `None` where it is not known.
        image: the file in the data set.
        position: place of the photo on its listing, from 0.
        label: what a model shall learn; `None` where the listing has none.
        split: name of the side, as in `train`; `None` when the data set is not split.
        price_minor: in the smallest unit of `currency` (ISO 4217): 1250 EUR is 12.50 euros. Both or neither.
        attributes: code → value.
        colours: names, the largest share first.
        variants: by number, ascending.

    Raises:
        InvalidRecord: a value is not of its form; the message names the field.
    """

    key: str
    listing: str
    photo_sha256: str
    seller: str
    title: str
    category: str
    image: ImageFile
    description: str = ""
    position: int = 0
    label: str | None = None
    split: str | None = None
    price_minor: int | None = None
    currency: str | None = None
    condition: str | None = None
    state: str | None = None
    published_at: str | None = None
    updated_at: str | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    tags: tuple[Tag, ...] = ()
    colours: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    predictions: tuple[Prediction, ...] = ()

    def __post_init__(self) -> None:
        _matches(_KEY, self.key, "key", "2 to 80 small letters, digits, - and _")
        _matches(_SHA256, self.photo_sha256, "photo_sha256", "64 hex digits in small letters")
        if self.split is not None:
            _matches(_SPLIT, self.split, "split", "a name of small letters, digits and _, but not `all`")
        if (self.price_minor is None) != (self.currency is None):
            raise InvalidRecord(f"{self.key}: a price needs its currency, and a currency a price.", key=self.key)
        if self.currency is not None:
            _matches(_CURRENCY, self.currency, "currency", "three capital letters")
        if self.price_minor is not None and self.price_minor < 0:
            raise InvalidRecord(f"{self.key}: the price is below zero.", key=self.key)
        if self.label is not None and not self.label.strip():
            raise InvalidRecord(f"{self.key}: the label is empty; say `None` where there is none.", key=self.key)
        numbers = [variant.number for variant in self.variants]
        if numbers != sorted(set(numbers)):
            raise InvalidRecord(f"{self.key}: the variants are not in ascending order: {numbers}.", key=self.key)
        object.__setattr__(self, "published_at", _in_utc(self.published_at, "published_at"))
        object.__setattr__(self, "updated_at", _in_utc(self.updated_at, "updated_at"))

    def files(self) -> tuple[tuple[int, ImageFile], ...]:
        """Return the photo's file with the number 0, then those of its variants with theirs."""
        return ((0, self.image), *((variant.number, variant.image) for variant in self.variants))

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; `from_facts` takes them back."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Return the record that `facts` described.

        Raises:
            InvalidRecord: a field is missing, of another type, or not of its form.
        """
        try:
            return msgspec.convert(dict(facts), cls, strict=True)
        except msgspec.ValidationError as error:
            raise InvalidRecord(f"This is no record of a data set: {error}.") from error


def _matches(form: re.Pattern[str], value: str, name: str, what: str) -> None:
    if not form.fullmatch(value):
        raise InvalidRecord(f"{name} is {value!r}; it has to be {what}.", field=name)


def _in_utc(moment: str | None, name: str) -> str | None:
    if moment is None:
        return None
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise InvalidRecord(
            f"{name} is {moment!r}; it has to be a date and time as in ISO 8601.", field=name
        ) from error
    if at.tzinfo is None:
        raise InvalidRecord(f"{name} is {moment!r}, without a time zone.", field=name)
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
