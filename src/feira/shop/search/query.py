"""What somebody asks for: an immutable value that travels in the URL, whole."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django.http import QueryDict

from feira.core.images.cropping import Crop
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import SORTS, ListingFilter
from feira.shop.search import reading
from feira.shop.search.changes import MOST_CHANGES, read_away, read_changes
from feira.shop.search.reading import ATTRIBUTE, EVEN_BALANCE
from feira.shop.search.words import MOST_CHARACTERS, Words, parse_words

RELEVANCE = "relevance"
ORDERS = (RELEVANCE, *SORTS)
YES = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Words, a picture and what to change about it, a filter, an order and a page.

    Attributes:
        text: what was typed; `words` is what is read from it.
        photo_id: an uploaded photo, or one of a listing.
        listing_id: a listing whose looks are asked for; the photo goes first when both are given.
        crop: the part of the picture that counts; all of it when None.
        like, unlike: listings whose looks are nearer to what is meant, and farther from it.
        but, without: words for what the picture should have more of, and none of.
        is_cheaper: cost less than the listing whose looks are asked for, or than what looks like an upload.
        balance: how much the photo counts against the words, from 0 (only the words) to 100 (only the photo).
        is_strict: take words and filter as they stand, and what only looks like the words for nothing.
        explain: whether to say why each result is where it is.
    """

    text: str = ""
    photo_id: int | None = None
    listing_id: int | None = None
    crop: Crop | None = None
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    but: str = ""
    without: str = ""
    is_cheaper: bool = False
    balance: int = EVEN_BALANCE
    passing: ListingFilter = field(default_factory=ListingFilter)
    sort: str = RELEVANCE
    after: str = ""
    is_strict: bool = False
    explain: bool = False

    @property
    def words(self) -> Words:
        """What is to be found and left out by words."""
        return parse_words(self.text)

    @property
    def has_photo(self) -> bool:
        """Whether there is a picture to compare with."""
        return self.photo_id is not None or self.listing_id is not None

    @property
    def has_examples(self) -> bool:
        """Whether there are pictures to compare with: one that is asked with, or listings that are liked."""
        return self.has_photo or bool(self.like)

    @property
    def has_relevance(self) -> bool:
        """Whether anything but a filter was asked for, so that results can be more or less what is meant."""
        return self.has_examples or bool(self.words.wanted or self.but)

    @property
    def is_unfiltered(self) -> bool:
        """Whether everything for sale passes, as far as the query itself says."""
        return self.passing.is_empty() and not self.is_cheaper

    @classmethod
    def from_url(cls, parameters: QueryDict) -> "SearchQuery":
        """Read a URL's parameters; what makes no sense is passed over, so that an old link still finds something."""
        sort = parameters.get("sort", "")
        conditions = set(parameters.getlist("condition"))
        like = reading.read_numbers(parameters.getlist("like"))
        wish = read_changes(reading.read_text(parameters.get("but"), most=MOST_CHANGES))
        away = read_away(reading.read_text(parameters.get("without"), most=MOST_CHANGES))
        return cls(
            text=reading.read_text(parameters.get("q"), most=MOST_CHARACTERS),
            photo_id=reading.read_number(parameters.get("photo")),
            listing_id=reading.read_number(parameters.get("listing")),
            crop=reading.read_crop(parameters.get("crop")),
            like=like,
            unlike=tuple(n for n in reading.read_numbers(parameters.getlist("unlike")) if n not in like),
            but=wish.towards,
            without=" ".join(filter(None, (away, wish.away)))[:MOST_CHANGES].strip(),
            is_cheaper=wish.is_cheaper or parameters.get("cheaper") in YES,
            balance=reading.read_balance(parameters.get("balance")),
            passing=ListingFilter(
                category_path=reading.read_text(parameters.get("category"), most=400).strip("/"),
                seller_slug=reading.read_text(parameters.get("seller"), most=90),
                conditions=tuple(value for value in Listing.Condition.values if value in conditions),
                min_price=reading.read_price(parameters.get("min_price")),
                max_price=reading.read_price(parameters.get("max_price")),
                attributes=reading.read_attributes(parameters),
                colours=reading.read_colours(parameters.getlist("colour")),
            ),
            sort=sort if sort in ORDERS else RELEVANCE,
            after=reading.read_text(parameters.get("after"), most=400),
            is_strict=parameters.get("strict") in YES,
            explain=parameters.get("explain") in YES,
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

    def without_photo(self) -> "SearchQuery":
        """Return the query without its picture and the part of it that counts, from its first page."""
        return self.changed(photo_id=None, listing_id=None, crop=None, is_cheaper=False, balance=EVEN_BALANCE)

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
            "crop": self.crop.text if self.crop else "",
            "but": self.but,
            "without": self.without,
            "cheaper": "1" if self.is_cheaper else "",
            "balance": "" if self.balance == EVEN_BALANCE else self.balance,
            "category": passing.category_path,
            "min_price": passing.min_price,
            "max_price": passing.max_price,
            "seller": passing.seller_slug,
        }
        yield from ((name, str(value)) for name, value in single.items() if value not in (None, ""))
        several: dict[str, tuple[object, ...]] = {
            "like": self.like,
            "unlike": self.unlike,
            "condition": passing.conditions,
            "colour": passing.colours,
            **{f"{ATTRIBUTE}{code}": values for code, values in passing.attributes.items()},
        }
        yield from ((name, str(value)) for name, values in several.items() for value in values)
        if self.sort != RELEVANCE:
            yield "sort", self.sort
        if self.is_strict:
            yield "strict", "1"
        if self.explain:
            yield "explain", "1"
        if self.after:
            yield "after", self.after
