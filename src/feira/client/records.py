"""What the shop answers, as values; addresses are whole, prices decimal, times aware."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

Url = NewType("Url", str)
"""A whole address; the shop sends the part after its own name."""

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo on a listing; width and height are those of the card."""

    id: int
    alt: str
    width: int
    height: int
    src_thumb: Url
    src_card: Url
    src_full: Url


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size in which a photo is shown, as WebP."""

    url: Url
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class OwnPhoto:
    """A photo that was sent; width, height and size are those of the original."""

    id: int
    format: str
    byte_size: int
    width: int
    height: int
    is_public: bool
    renditions: Mapping[str, Rendition]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A listing in a list."""

    id: int
    url: Url
    title: str
    price: Decimal
    currency: str
    price_text: str
    seller_name: str
    seller_slug: str
    category: str
    condition: str
    state: str
    photo: Photo | None
    liked: bool


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """The value of one attribute, without its unit."""

    code: str
    name: str
    kind: str
    unit: str
    value: str


@dataclass(frozen=True, slots=True)
class CategoryName:
    """A category by path and name."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Seller:
    """A seller as everybody sees them."""

    name: str
    slug: str
    location: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A word for what a listing shows; `confidence` is from 0 to 1, `source` machine, seller or import."""

    name: str
    group: str
    label: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing in full."""

    id: int
    url: Url
    title: str
    description: str
    price: Decimal
    currency: str
    price_text: str
    stock: int
    condition: str
    state: str
    category: CategoryName
    seller: Seller
    is_own: bool
    attributes: Sequence[AttributeValue]
    tags: Sequence[Tag]
    photos: Sequence[Photo]
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class CategoryAttribute:
    """An attribute that listings of a category may have; `choices` is empty unless the kind is `choice`."""

    code: str
    name: str
    kind: str
    unit: str
    choices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Category:
    """A category with what lies below it; `count` is of live listings, here and below."""

    path: str
    name: str
    count: int
    attributes: Sequence[CategoryAttribute]
    children: Sequence["Category"]


@dataclass(frozen=True, slots=True)
class FacetOption:
    """One choice, and how many listings it leaves."""

    value: str
    label: str
    count: int
    active: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A question with its choices."""

    param: str
    name: str
    options: Sequence[FacetOption]


@dataclass(frozen=True, slots=True)
class CardPage:
    """One page of a list; no cursor on the last."""

    results: Sequence[Card]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Result(Card):
    """A listing that was found; score and parts when they were asked for. The parts add up to the score exactly."""

    score: float | None = None
    parts: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Because:
    """The listing that explains a recommendation; `sign` is "liked" or "opened", what one did with it."""

    id: int
    url: Url
    title: str
    sign: str


@dataclass(frozen=True, slots=True)
class Recommended(Card):
    """A listing that is recommended; no reason when the listing that explains it is not shown any more."""

    because: Because | None = None


@dataclass(frozen=True, slots=True)
class Taste:
    """What the shop knows of one's taste; see the API's schema for each."""

    is_wanted: bool
    interests: int
    recommended: int
    updated_at: datetime | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What of a query was passed over because nothing answers all of it."""

    words: Sequence[str]
    filters: Sequence[str]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of what a search found; no cursor on the last."""

    results: Sequence[Result]
    next_cursor: str | None
    total: int
    did_you_mean: str | None
    photo: int | None
    photo_unanswered: bool
    looks_unanswered: bool
    relaxed: Relaxed | None


@dataclass(frozen=True, slots=True)
class OwnSeller(Seller):
    """One's own seller's page."""

    about: str


@dataclass(frozen=True, slots=True)
class Me:
    """The account that a token stands for; no seller until something was offered."""

    id: int
    email: str
    display_name: str
    is_staff: bool
    date_joined: datetime
    seller: OwnSeller | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: int
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedToken(Token):
    """A token just made; the secret `token` is told this one time."""

    token: str


def read_record(kind: type[Record], body: Any, *, absolute: Callable[[str], str]) -> Record:
    """Return a JSON value as a record; members that this version does not know are passed over.

    Args:
        absolute: makes a whole address of one that starts at the shop's root.

    Raises:
        KeyError, TypeError, ValueError: the value does not have the record's shape.
    """
    record: Record = _read(kind, body, absolute)
    return record


def read_records(kind: type[Record], body: Any, *, under: str, absolute: Callable[[str], str]) -> tuple[Record, ...]:
    """Return the records listed under a name of a JSON object, as `read_record` does."""
    return tuple(read_record(kind, item, absolute=absolute) for item in body[under])


def _read(hint: Any, value: Any, absolute: Callable[[str], str]) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if isinstance(hint, type) and is_dataclass(hint):
        optional = {field.name for field in fields(hint) if field.default is not MISSING}
        given = {name: part for name, part in _hints(hint).items() if name in value or name not in optional}
        return hint(**{name: _read(part, value[name], absolute) for name, part in given.items()})
    if origin in (Union, UnionType):
        inner = next(part for part in parts if part is not NoneType)
        return None if value is None else _read(inner, value, absolute)
    if origin is Sequence:
        return tuple(_read(parts[0], item, absolute) for item in value)
    if origin is Mapping:
        return {key: _read(parts[1], item, absolute) for key, item in value.items()}
    return _plain(hint, value, absolute)


def _plain(hint: Any, value: Any, absolute: Callable[[str], str]) -> Any:
    converters: dict[Any, Callable[[Any], Any]] = {Url: absolute, Decimal: Decimal, datetime: datetime.fromisoformat}
    if hint in converters:
        return converters[hint](value)
    if not isinstance(value, hint):
        raise TypeError(f"expected {hint.__name__}, got {type(value).__name__}")
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
