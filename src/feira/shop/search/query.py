"""What somebody asks for: an immutable value that travels in the URL, whole."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from django.http import QueryDict

from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import SORTS, ListingFilter
from feira.shop.search.words import MOST_CHARACTERS, Words, parse_words

RELEVANCE = "relevance"
ORDERS = (RELEVANCE, *SORTS)

ATTRIBUTE = "attr_"
MOST_ATTRIBUTES = 10
MOST_VALUES = 20
_MOST_PRICE = Decimal("9999999999.99")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Words, a photo, a filter, an order and a page.

    `text` is what was typed, `words` what is read from it. `photo_id` names an uploaded photo or one of a listing,
    `listing_id` asks for what looks like that listing; the photo goes first when both are given.
    """

    text: str = ""
    photo_id: int | None = None
    listing_id: int | None = None
    passing: ListingFilter = field(default_factory=ListingFilter)
    sort: str = RELEVANCE
    after: str = ""

    @property
    def words(self) -> Words:
        """What is to be found and left out by words."""
        return parse_words(self.text)

    @property
    def has_photo(self) -> bool:
        """Whether there is a picture to compare with."""
        return self.photo_id is not None or self.listing_id is not None

    @classmethod
    def from_url(cls, parameters: QueryDict) -> "SearchQuery":
        """Read a URL's parameters; what makes no sense is passed over, so that an old link still finds something."""
        sort = parameters.get("sort", "")
        conditions = set(parameters.getlist("condition"))
        return cls(
            text=_text(parameters.get("q", ""), most=MOST_CHARACTERS),
            photo_id=_number(parameters.get("photo")),
            listing_id=_number(parameters.get("listing")),
            passing=ListingFilter(
                category_path=_text(parameters.get("category", ""), most=400).strip("/"),
                seller_slug=_text(parameters.get("seller", ""), most=90),
                conditions=tuple(value for value in Listing.Condition.values if value in conditions),
                min_price=_price(parameters.get("min_price")),
                max_price=_price(parameters.get("max_price")),
                attributes=_attributes(parameters),
            ),
            sort=sort if sort in ORDERS else RELEVANCE,
            after=_text(parameters.get("after", ""), most=400),
        )

    def to_url(self) -> str:
        """Return the parameters as they stand behind the `?`, nothing for the empty query."""
        return urlencode(list(self.parameters()))

    def changed(self, **changes: object) -> "SearchQuery":
        """Return the query with other values, from its first page."""
        return replace(self, **{"after": "", **changes})  # type: ignore[arg-type] # names are checked by replace

    def filtered(self, **changes: object) -> "SearchQuery":
        """Return the query with another filter, from its first page."""
        return self.changed(passing=replace(self.passing, **changes))  # type: ignore[arg-type] # as above

    def without_attribute(self, code: str, value: str) -> "SearchQuery":
        """Return the query without one value of one attribute."""
        return self._with_values(code, tuple(kept for kept in self.passing.attributes.get(code, ()) if kept != value))

    def with_attribute(self, code: str, value: str) -> "SearchQuery":
        """Return the query with one more value of one attribute."""
        return self._with_values(code, tuple(sorted({*self.passing.attributes.get(code, ()), value})))

    def _with_values(self, code: str, values: tuple[str, ...]) -> "SearchQuery":
        attributes = {**self.passing.attributes, code: values}
        return self.filtered(attributes={key: attributes[key] for key in sorted(attributes) if attributes[key]})

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield the query as names and values."""
        passing = self.passing
        single = {
            "q": self.text,
            "photo": self.photo_id,
            "listing": self.listing_id,
            "category": passing.category_path,
            "min_price": passing.min_price,
            "max_price": passing.max_price,
            "seller": passing.seller_slug,
        }
        yield from ((name, str(value)) for name, value in single.items() if value not in (None, ""))
        yield from (("condition", value) for value in passing.conditions)
        for code, values in passing.attributes.items():
            yield from ((f"{ATTRIBUTE}{code}", value) for value in values)
        if self.sort != RELEVANCE:
            yield "sort", self.sort
        if self.after:
            yield "after", self.after


def _text(value: str | None, *, most: int) -> str:
    # A NUL is refused by PostgreSQL, and a lone surrogate by UTF-8.
    plain = (value or "").replace("\0", "").encode("utf-8", "ignore").decode()
    return " ".join(plain.split())[:most].strip()


def _number(value: str | None) -> int | None:
    digits = value or ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def _price(value: str | None) -> Decimal | None:
    try:
        price = Decimal((value or "").strip())
        return price.quantize(Decimal("0.01")) if price.is_finite() and 0 <= price <= _MOST_PRICE else None
    except InvalidOperation:
        return None


def _attributes(parameters: QueryDict) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(parameters):
        code = _text(name.removeprefix(ATTRIBUTE), most=40)
        values = {_text(value, most=60) for value in parameters.getlist(name)} - {""}
        if name.startswith(ATTRIBUTE) and code and values and len(found) < MOST_ATTRIBUTES:
            found[code] = tuple(sorted(values)[:MOST_VALUES])
    return found
