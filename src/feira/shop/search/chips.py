"""What was asked for, as chips: each says one thing, and leads to the query without it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from feira.shop.listings.models import Listing
from feira.shop.listings.tags import colour_label
from feira.shop.search.links import search_url
from feira.shop.search.query import SearchQuery
from feira.shop.search.reading import EVEN_BALANCE
from feira.shop.search.services import SearchAnswer


def chips(answer: SearchAnswer) -> Iterator[dict[str, Any]]:
    """Yield the chips of a query, the words first."""
    query = answer.query
    words = query.words
    for term in words.wanted:
        yield _chip(term.text, query.changed(text=words.without(term).text))
    for term in words.unwanted:
        yield _chip(f"−{term.text}", query.changed(text=words.without(term).text))
    yield from _of_the_picture(answer)
    yield from _of_the_filter(answer)
    if query.is_strict:
        yield _chip(_("exactly this"), query.changed(is_strict=False))


def filter_label(answer: SearchAnswer, param: str) -> str:
    """Return what a parameter of the filter asks for, as its chips say it."""
    return ", ".join(chip["label"] for chip in _of_the_filter(answer) if chip["param"] == param) or param


def _of_the_picture(answer: SearchAnswer) -> Iterator[dict[str, Any]]:
    query = answer.query
    if answer.photo:
        label = _("Like “%(title)s”") % {"title": answer.photo.title} if answer.photo.title else _("Your photo")
        yield _chip(label, query.without_photo(), thumb=thumb_url(answer.photo.id))
        if query.crop:
            yield _chip(_("only a part of it"), query.changed(crop=None))
        if query.words.wanted and query.balance != EVEN_BALANCE:
            share = {"share": number_format(query.balance)}
            yield _chip(_("photo %(share)s %%") % share, query.changed(balance=EVEN_BALANCE))
    for listing_id, example in answer.examples.items():
        is_liked = listing_id in query.like
        name = {"title": example.title}
        label = _("More like “%(title)s”") % name if is_liked else _("Less like “%(title)s”") % name
        others = {
            "like": tuple(one for one in query.like if one != listing_id),
            "unlike": tuple(one for one in query.unlike if one != listing_id),
        }
        yield _chip(label, query.changed(**others), thumb=thumb_url(example.photo_id))
    if query.but:
        yield _chip(_("but %(words)s") % {"words": query.but}, query.changed(but=""))
    if query.without:
        yield _chip(_("without %(words)s") % {"words": query.without}, query.changed(without=""))


def _of_the_filter(answer: SearchAnswer) -> Iterator[dict[str, Any]]:
    query, passing = answer.query, answer.query.passing
    if passing.category_path:
        name = _label(answer, "category", passing.category_path) or passing.category_path.rpartition("/")[2]
        yield _chip(name, query.filtered(category_path=""), param="category")
    if passing.seller_slug:
        said = _("by %(seller)s") % {"seller": passing.seller_slug}
        yield _chip(said, query.filtered(seller_slug=""), param="seller")
    for value in passing.conditions:
        others = tuple(known for known in passing.conditions if known != value)
        yield _chip(str(Listing.Condition(value).label), query.filtered(conditions=others), param="condition")
    for name in passing.colours:
        rest = tuple(known for known in passing.colours if known != name)
        yield _chip(colour_label(name), query.filtered(colours=rest), param="colour")
    if passing.min_price is not None:
        said = _("from %(price)s") % {"price": amount(passing.min_price)}
        yield _chip(said, query.filtered(min_price=None), param="min_price")
    if passing.max_price is not None:
        said = _("up to %(price)s") % {"price": amount(passing.max_price)}
        yield _chip(said, query.filtered(max_price=None), param="max_price")
    if query.is_cheaper and answer.photo and answer.photo.price is not None:
        below = {"price": amount(answer.photo.price)}
        said = _("cheaper than %(price)s") % below if answer.photo.alike else _("cheaper")
        yield _chip(said, query.changed(is_cheaper=False), param="cheaper")
    for code, values in passing.attributes.items():
        for value in values:
            yield _chip(value, query.without_attribute(code, value), param=f"attr_{code}")


def thumb_url(photo_id: int) -> str:
    """Return the address of the small picture of a photo that is searched with."""
    return reverse("search:thumb", args=[photo_id])


def amount(price: Decimal) -> str:
    """Return a price without its currency, and without cents when there are none."""
    return number_format(price, 0 if price == price.to_integral_value() else 2)


def _chip(label: str, without: SearchQuery, *, thumb: str | None = None, param: str = "") -> dict[str, Any]:
    return {"label": label, "remove_url": search_url(without), "thumb": thumb, "param": param}


def _label(answer: SearchAnswer, param: str, value: str) -> str:
    options = (option for facet in answer.facets if facet.param == param for option in facet.options)
    return next((option.label for option in options if option.value == value), "")
