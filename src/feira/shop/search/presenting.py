"""A search answer in the words and links of its page."""

from collections.abc import Iterator
from decimal import Decimal
from math import ceil, floor
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feira.shop.listings.facets import Facet, FacetOption
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import SORTS
from feira.shop.search.query import RELEVANCE, SearchQuery
from feira.shop.search.reading import ATTRIBUTE
from feira.shop.search.selectors import QueryPhoto
from feira.shop.search.services import SearchAnswer


def search_url(query: SearchQuery) -> str:
    """Return the address of a query's page."""
    parameters = query.to_url()
    return reverse("search:search") + (f"?{parameters}" if parameters else "")


def page_context(answer: SearchAnswer) -> dict[str, Any]:
    """Return everything that the templates of the search page use."""
    query = answer.query
    meant = answer.did_you_mean
    asked = list(_chips(answer))
    return {
        **query_context(query),
        # What goes along with a photo that is sent from this page: not the photo that was there before.
        "kept_with_photo": _kept(query.changed(photo_id=None, listing_id=None)),
        "asked": asked,
        "query_url": query.changed().to_url(),
        "save_name": ", ".join(part["label"] for part in asked),
        "cards": answer.cards,
        "total_text": _total_text(answer),
        "took_ms": round(answer.took_ms),
        "facets": [_facet(query, facet) for facet in answer.facets if facet.options],
        "price": _price(answer),
        "sorts": _sorts(query),
        "next_url": search_url(query.changed(after=answer.next_cursor)) if answer.next_cursor else None,
        "did_you_mean": meant and {"text": meant, "url": search_url(query.changed(text=meant))},
        "notice": _notice(answer),
    }


def query_context(query: SearchQuery) -> dict[str, Any]:
    """Return the query as the search fields of every page want it: what was typed, and the rest to be kept."""
    return {"query": query, "q": query.text, "kept": _kept(query.changed(text="")), "form_error": None}


def _kept(query: SearchQuery) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in query.changed().parameters()]


def _chips(answer: SearchAnswer) -> Iterator[dict[str, Any]]:
    query, passing = answer.query, answer.query.passing
    words = query.words
    for term in words.wanted:
        yield _chip(term.text, query.changed(text=words.without(term).text))
    for term in words.unwanted:
        yield _chip(f"−{term.text}", query.changed(text=words.without(term).text))
    if answer.photo:
        label = _("Like “%(title)s”") % {"title": answer.photo.title} if answer.photo.title else _("Your photo")
        yield _chip(label, query.changed(photo_id=None, listing_id=None), thumb=_thumb_url(answer.photo))
    if passing.category_path:
        name = _label(answer, "category", passing.category_path) or passing.category_path.rpartition("/")[2]
        yield _chip(name, query.filtered(category_path=""))
    if passing.seller_slug:
        yield _chip(_("by %(seller)s") % {"seller": passing.seller_slug}, query.filtered(seller_slug=""))
    for value in passing.conditions:
        yield _chip(str(Listing.Condition(value).label), _toggled(query, "condition", value, active=True))
    if passing.min_price is not None:
        yield _chip(_("from %(price)s") % {"price": _amount(passing.min_price)}, query.filtered(min_price=None))
    if passing.max_price is not None:
        yield _chip(_("up to %(price)s") % {"price": _amount(passing.max_price)}, query.filtered(max_price=None))
    for code, values in passing.attributes.items():
        for value in values:
            yield _chip(value, query.without_attribute(code, value))


def _chip(label: str, without: SearchQuery, thumb: str | None = None) -> dict[str, Any]:
    return {"label": label, "remove_url": search_url(without), "thumb": thumb}


def _thumb_url(photo: QueryPhoto) -> str:
    return reverse("search:thumb", args=[photo.id])


def _amount(price: Decimal) -> str:
    return number_format(price, 0 if price == price.to_integral_value() else 2)


def _label(answer: SearchAnswer, param: str, value: str) -> str:
    options = (option for facet in answer.facets if facet.param == param for option in facet.options)
    return next((option.label for option in options if option.value == value), "")


def _facet(query: SearchQuery, facet: Facet) -> dict[str, Any]:
    return {
        "name": facet.name,
        "param": facet.param,
        "options": [_option(query, facet.param, option) for option in facet.options],
    }


def _option(query: SearchQuery, param: str, option: FacetOption) -> dict[str, Any]:
    return {
        "value": option.value,
        "label": option.label,
        "count": option.count,
        "active": option.active,
        "depth": option.value.count("/") if param == "category" else 0,
        "url": search_url(_toggled(query, param, option.value, active=option.active)),
    }


def _toggled(query: SearchQuery, param: str, value: str, *, active: bool) -> SearchQuery:
    """Return the query with one choice of a facet set, or cleared when it is active."""
    if param == "category":
        return query.filtered(category_path=value.rpartition("/")[0] if active else value)
    if param == "condition":
        chosen = {*query.passing.conditions} ^ {value}
        return query.filtered(conditions=tuple(known for known in Listing.Condition.values if known in chosen))
    code = param.removeprefix(ATTRIBUTE)
    return query.without_attribute(code, value) if active else query.with_attribute(code, value)


def _price(answer: SearchAnswer) -> dict[str, Any] | None:
    if answer.price is None:
        return None
    passing = answer.query.passing
    return {
        "low": floor(answer.price.low),
        "high": ceil(answer.price.high),
        "min": passing.min_price,
        "max": passing.max_price,
        "kept": _kept(answer.query.filtered(min_price=None, max_price=None)),
    }


def _sorts(query: SearchQuery) -> list[dict[str, Any]]:
    labels = {
        RELEVANCE: _("Best match"),
        "newest": _("Newest"),
        "cheapest": _("Price, low to high"),
        "dearest": _("Price, high to low"),
    }
    has_relevance = query.has_photo or bool(query.words.wanted)
    chosen = "newest" if query.sort == RELEVANCE and not has_relevance else query.sort
    return [
        {"label": label, "url": search_url(query.changed(sort=sort)), "active": sort == chosen}
        for sort, label in labels.items()
        if (sort in SORTS) or (sort == RELEVANCE and has_relevance)
    ]


def _total_text(answer: SearchAnswer) -> str:
    numbers = {"count": number_format(answer.total, use_l10n=True, force_grouping=True)}
    if answer.photo and not answer.is_photo_unanswered:
        if answer.query.words.wanted:
            return ngettext("About %(count)s listing", "About %(count)s listings", answer.total) % numbers
        return ngettext("The most similar listing", "The %(count)s most similar listings", answer.total) % numbers
    return ngettext("%(count)s listing", "%(count)s listings", answer.total) % numbers


def _notice(answer: SearchAnswer) -> str | None:
    if not answer.is_photo_unanswered:
        return None
    if answer.query.words.wanted:
        return _("Photos cannot be compared right now. These match your words; try again in a minute for the photo.")
    return _("Photos cannot be compared right now. Meanwhile, this is what is new; try again in a minute.")
