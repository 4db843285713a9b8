"""What the shop suggests to a seller from the photos alone: category, attributes and a price, by their neighbours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import quantiles

from feira.core.errors import EngineUnavailable
from feira.core.types import Matrix
from feira.shop.listings.models import Category, Listing, ListingAttribute
from feira.shop.listings.seeing import MOST_PHOTOS, SeenTag, classified, seen_in
from feira.shop.listings.selectors import listing_of_photos
from feira.shop.listings.tags import CATEGORY
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo
from feira.shop.photos.vectors import vectors_of
from feira.shop.web.money import price_text

NEIGHBOURS = 40
FEWEST_FOR_A_PRICE = 5


@dataclass(frozen=True, slots=True)
class CategorySuggestion:
    """A category and its share of the neighbours' votes, 0 to 1."""

    id: int
    name: str
    share: float

    @property
    def percent(self) -> int:
        """The share as a whole percentage."""
        return round(self.share * 100)


@dataclass(frozen=True, slots=True)
class AttributeSuggestion:
    """The value that most similar listings have for one attribute."""

    code: str
    name: str
    value: str
    share: float


@dataclass(frozen=True, slots=True)
class PriceHint:
    """What similar listings of the likeliest category cost: quartiles in one currency."""

    low: Decimal
    median: Decimal
    high: Decimal
    currency: str
    count: int

    @property
    def low_text(self) -> str:
        """The lower quartile as people write prices."""
        return price_text(self.low, self.currency)

    @property
    def median_text(self) -> str:
        """The median as people write prices."""
        return price_text(self.median, self.currency)

    @property
    def high_text(self) -> str:
        """The upper quartile as people write prices."""
        return price_text(self.high, self.currency)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Everything suggested.

    While the engine is away there are only tags for colours; while nothing similar is for sale, only tags.
    """

    categories: list[CategorySuggestion] = field(default_factory=list)
    attributes: list[AttributeSuggestion] = field(default_factory=list)
    price: PriceHint | None = None
    tags: list[SeenTag] = field(default_factory=list)


def suggestions_for(photos: Sequence[Photo]) -> Suggestions:
    """Let the nearest live listings vote, each with the similarity of its best photo; never raises."""
    try:
        encoder_id, rows = vectors_of(photos)
        weights = _similar_listings(encoder_id, rows)
        _classifier, said = classified(rows[:MOST_PHOTOS], encoder_id)
        # A category is suggested as such, not as a tag.
        tags = [seen for seen in seen_in(photos, said) if seen.tag.group != CATEGORY]
    except EngineUnavailable:
        return Suggestions(tags=seen_in(photos))
    if not weights:
        return Suggestions(tags=tags)
    listings = {listing.pk: listing for listing in Listing.objects.filter(pk__in=weights).select_related("category")}
    categories = _vote({listing.pk: listing.category for listing in listings.values()}, weights)
    best = categories[0][0]
    same = {pk: weights[pk] for pk, listing in listings.items() if listing.category_id == best.pk}
    return Suggestions(
        categories=[CategorySuggestion(category.pk, category.name, share) for category, share in categories[:3]],
        attributes=_attributes(same),
        price=_price([listings[pk] for pk in same]),
        tags=tags,
    )


def _similar_listings(encoder_id: str, rows: Matrix) -> dict[int, float]:
    if not len(rows):
        return {}
    found = engine().search(rows, NEIGHBOURS, encoder_id=encoder_id)
    listing_of = listing_of_photos({hit.photo_id for hits in found for hit in hits})
    weights: dict[int, float] = {}
    for hit in (hit for hits in found for hit in hits):
        listing_id = listing_of.get(hit.photo_id)
        if listing_id is not None:
            weights[listing_id] = max(weights.get(listing_id, 0.0), hit.score)
    return {listing_id: weight for listing_id, weight in weights.items() if weight > 0}


def _vote(choice_of: Mapping[int, Category], weights: Mapping[int, float]) -> list[tuple[Category, float]]:
    votes: dict[Category, float] = defaultdict(float)
    for listing_id, category in choice_of.items():
        votes[category] += weights[listing_id]
    total = sum(votes.values())
    return sorted(((category, vote / total) for category, vote in votes.items()), key=lambda pair: -pair[1])


def _attributes(weights: Mapping[int, float]) -> list[AttributeSuggestion]:
    """Suggest a value where more than half of the votes of one attribute agree."""
    rows = ListingAttribute.objects.filter(listing_id__in=weights, choice__isnull=False)
    columns = ("listing_id", "attribute__code", "attribute__name", "choice__value")
    votes: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for listing_id, code, name, value in rows.values_list(*columns):
        votes[code, name][value] += weights[listing_id]
    suggested = []
    for (code, name), values in votes.items():
        value, vote = max(values.items(), key=lambda pair: pair[1])
        share = vote / sum(weights.values())
        if share > 0.5:
            suggested.append(AttributeSuggestion(code, name, value, share))
    return suggested


def _price(listings: Sequence[Listing]) -> PriceHint | None:
    by_currency: dict[str, list[Decimal]] = defaultdict(list)
    for listing in listings:
        by_currency[listing.currency].append(listing.price)
    if not by_currency:
        return None
    currency, prices = max(by_currency.items(), key=lambda pair: len(pair[1]))
    if len(prices) < FEWEST_FOR_A_PRICE:
        return None
    low, median, high = quantiles(prices, n=4)
    cent = Decimal("0.01")
    return PriceHint(low.quantize(cent), median.quantize(cent), high.quantize(cent), currency, len(prices))
