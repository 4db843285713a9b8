"""Facets: how many listings each further choice would leave."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils.translation import gettext as _

from feira.shop.listings.models import Attribute, Category, Listing, ListingAttribute, ListingTag
from feira.shop.listings.selectors import ListingFilter, condition_of
from feira.shop.listings.tags import COLOUR, COLOURS, colour_label


@dataclass(frozen=True, slots=True)
class FacetOption:
    """One choice: its value in the URL, its label, what it leaves, and whether it is chosen now."""

    value: str
    label: str
    count: int
    active: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A question with its choices; `param` is its name in the URL, and `has_swatches` says that they are colours."""

    param: str
    name: str
    options: list[FacetOption]
    has_swatches: bool = False


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The cheapest and dearest price among what was found."""

    low: Decimal
    high: Decimal


def facets_of(found: QuerySet[Listing], passing: ListingFilter) -> list[Facet]:
    """Count what each choice would leave of `found`, with every other filter applied.

    Args:
        found: the listings before the filter, such as those that match the words.

    The number of queries is four plus one per attribute that is filtered now, whatever the catalogue's size.
    """
    return [
        _categories(found, passing),
        _colours(found, passing),
        _conditions(found, passing),
        *_attributes(found, passing),
    ]


def price_range(found: QuerySet[Listing], passing: ListingFilter) -> PriceRange | None:
    """Return the range of prices with every filter but the price applied; None when nothing is found."""
    rest = found.filter(condition_of(replace(passing, min_price=None, max_price=None)))
    ends = rest.aggregate(low=Min("price"), high=Max("price"))
    return None if ends["low"] is None else PriceRange(ends["low"], ends["high"])


def _categories(found: QuerySet[Listing], passing: ListingFilter) -> Facet:
    rest = found.filter(condition_of(replace(passing, category_path="")))
    counted = rest.values_list("category_id").annotate(count=Count("pk")).order_by()
    counts = dict(counted)
    totals: dict[str, int] = {}
    tree = list(Category.objects.order_by("path"))
    for category in tree:
        here = counts.get(category.pk, 0)
        parts = category.path.split("/")
        for depth in range(1, len(parts) + 1):
            ancestor = "/".join(parts[:depth])
            totals[ancestor] = totals.get(ancestor, 0) + here
    chosen = passing.category_path
    options = [
        FacetOption(category.path, category.name, totals[category.path], active=category.path == chosen)
        for category in tree
        if totals[category.path] and _shown_beside(category.path, chosen)
    ]
    return Facet("category", _("Category"), options)


def _shown_beside(path: str, chosen: str) -> bool:
    """Show the roots, the way down to the chosen category, its siblings and its children."""
    parent = path.rpartition("/")[0]
    return not parent or parent == chosen or chosen.startswith(f"{parent}/")


def _conditions(found: QuerySet[Listing], passing: ListingFilter) -> Facet:
    rest = found.filter(condition_of(replace(passing, conditions=())))
    counts = dict(rest.values_list("condition").annotate(count=Count("pk")).order_by())
    options = [
        FacetOption(value, str(label), counts[value], active=value in passing.conditions)
        for value, label in Listing.Condition.choices
        if counts.get(value)
    ]
    return Facet("condition", _("Condition"), options)


def _colours(found: QuerySet[Listing], passing: ListingFilter) -> Facet:
    rest = found.filter(condition_of(replace(passing, colours=())))
    tags = ListingTag.objects.filter(
        group=COLOUR, removed_at__isnull=True, name__in=COLOURS, listing__in=rest.order_by().values("pk")
    )
    counts = dict(tags.values_list("name").annotate(count=Count("pk")).order_by())
    options = [
        FacetOption(name, colour_label(name), counts.get(name, 0), active=name in passing.colours)
        for name in COLOURS
        if counts.get(name) or name in passing.colours
    ]
    return Facet("colour", _("Colour"), options, has_swatches=True)


def _attributes(found: QuerySet[Listing], passing: ListingFilter) -> list[Facet]:
    rest = found.filter(condition_of(passing))
    idle = _choice_counts(rest, ~Q(attribute__code__in=list(passing.attributes)))
    facets = list(_grouped(idle, chosen=()))
    for code, chosen in passing.attributes.items():
        others = {other: values for other, values in passing.attributes.items() if other != code}
        without = found.filter(condition_of(replace(passing, attributes=others)))
        facets += _grouped(_choice_counts(without, Q(attribute__code=code)), chosen=chosen)
    return sorted(facets, key=lambda facet: facet.name)


def _choice_counts(listings: QuerySet[Listing], which: Q) -> Iterable[tuple[str, str, str, int]]:
    values = ListingAttribute.objects.filter(
        which, attribute__kind=Attribute.Kind.CHOICE, listing__in=listings.order_by().values("pk")
    )
    columns = ("attribute__code", "attribute__name", "choice__value")
    return (
        values.values_list(*columns).annotate(count=Count("pk")).order_by("attribute__code", "-count", "choice__value")
    )


def _grouped(rows: Iterable[tuple[str, str, str, int]], *, chosen: tuple[str, ...]) -> Iterable[Facet]:
    facets: dict[str, Facet] = {}
    for code, name, value, count in rows:
        facet = facets.setdefault(code, Facet(f"attr_{code}", name, []))
        facet.options.append(FacetOption(value, value, count, active=value in chosen))
    return facets.values()
