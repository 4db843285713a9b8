"""A search answer in the words and links of its page."""

from collections.abc import Mapping
from math import ceil, floor
from typing import Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from feira.shop.listings.facets import Facet, FacetOption
from feira.shop.listings.models import Listing
from feira.shop.listings.selectors import SORTS, Card
from feira.shop.listings.tags import COLOUR_CODES, COLOURS
from feira.shop.search.chips import amount, chips, filter_label
from feira.shop.search.explaining import bars, longest_part, score_text
from feira.shop.search.links import search_url
from feira.shop.search.query import RELEVANCE, SearchQuery
from feira.shop.search.reading import ATTRIBUTE, EVEN_BALANCE, MOST_EXAMPLES
from feira.shop.search.services import SearchAnswer

# Parts of a photo that can be asked for without drawing a rectangle.
PARTS = (
    ("0.2,0.2,0.6,0.6", gettext_lazy("The middle")),
    ("0,0,1,0.5", gettext_lazy("The upper half")),
    ("0,0.5,1,0.5", gettext_lazy("The lower half")),
    ("0,0,0.5,1", gettext_lazy("The left half")),
    ("0.5,0,0.5,1", gettext_lazy("The right half")),
)


def page_context(answer: SearchAnswer, *, own_judgements: Mapping[int, int] | None = None) -> dict[str, Any]:
    """Return everything that the templates of the search page use.

    Args:
        own_judgements: what this visitor said about results of this query: 1 or −1 by listing.
    """
    query = answer.query
    meant = answer.did_you_mean
    asked = list(chips(answer))
    return {
        **query_context(query),
        # What goes along with a photo that is sent from this page: not the photo that was there before.
        "kept_with_photo": _kept(query.without_photo()),
        "asked": asked,
        "query_url": query.changed().to_url(),
        "save_name": ", ".join(part["label"] for part in asked),
        "results": _results(answer, own_judgements or {}),
        "cards": answer.cards,
        "query_key": answer.key,
        "query_text": query.text,
        "total_text": _total_text(answer),
        "took_ms": round(answer.took_ms),
        "facets": [_facet(query, facet) for facet in _facets_shown(answer)],
        "price": _price(answer),
        "sorts": _sorts(query),
        "next_url": search_url(query.changed(after=answer.next_cursor)) if answer.next_cursor else None,
        "did_you_mean": meant and {"text": meant, "url": search_url(query.changed(text=meant))},
        "notice": _notice(answer),
        "relaxed": _relaxed(answer),
        "likeness": _likeness(answer),
        "refine": _refine(answer),
    }


def query_context(query: SearchQuery) -> dict[str, Any]:
    """Return the query as the search fields of every page want it: what was typed, and the rest to be kept."""
    return {
        "query": query,
        "q": query.text,
        "kept": _kept(query.changed(text="", is_strict=False)),
        "form_error": None,
    }


def _kept(query: SearchQuery) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in query.changed().parameters()]


def _results(answer: SearchAnswer, own_judgements: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return each card with why it is there, what this visitor said about it, and where to find more like it."""
    query, longest = answer.query, longest_part(answer.parts)
    results = []
    for place, card in enumerate(answer.cards):
        parts = answer.parts.get(card["id"])
        results.append(
            {
                "card": {**card, "thumb": own_judgements.get(card["id"], 0)},
                "position": (answer.first_position or 1) + place,
                "bars": bars(parts, longest=longest) if parts is not None else [],
                "score": score_text(parts) if parts is not None else "",
                **_more_and_less(query, card),
            }
        )
    return results


def _more_and_less(query: SearchQuery, card: Card) -> dict[str, str]:
    """Return where it goes on with more, and with less of what a card looks like; nothing without a photo."""
    number = card["id"]
    if card["photo"] is None or number in query.like:
        return {}
    others = tuple(one for one in query.unlike if one != number)
    more = query.changed(like=(*query.like, number)[-MOST_EXAMPLES:], unlike=others)
    less = query.changed(unlike=(*others, number)[-MOST_EXAMPLES:])
    return {"more_url": search_url(more), "less_url": search_url(less)}


def _facets_shown(answer: SearchAnswer) -> list[Facet]:
    """Return the facets that offer a choice; where there are swatches, sellers' own words for colours say it twice."""
    facets = [facet for facet in answer.facets if facet.options]
    if not any(facet.has_swatches for facet in facets):
        return facets
    chosen = answer.query.passing.attributes
    twice = {f"{ATTRIBUTE}{code}" for code in COLOUR_CODES if code not in chosen}
    return [facet for facet in facets if facet.param not in twice]


def _facet(query: SearchQuery, facet: Facet) -> dict[str, Any]:
    return {
        "name": facet.name,
        "param": facet.param,
        "options": [_option(query, facet.param, option) for option in facet.options],
        "has_swatches": facet.has_swatches,
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
    if param == "colour":
        colours = {*query.passing.colours} ^ {value}
        return query.filtered(colours=tuple(known for known in COLOURS if known in colours))
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
    chosen = "newest" if query.sort == RELEVANCE and not query.has_relevance else query.sort
    return [
        {"label": label, "url": search_url(query.changed(sort=sort)), "active": sort == chosen}
        for sort, label in labels.items()
        if (sort in SORTS) or (sort == RELEVANCE and query.has_relevance)
    ]


def _total_text(answer: SearchAnswer) -> str:
    numbers = {"count": number_format(answer.total, use_l10n=True, force_grouping=True)}
    if answer.is_by_looks and answer.total:
        if answer.query.words.wanted:
            return ngettext("About %(count)s listing", "About %(count)s listings", answer.total) % numbers
        return ngettext("The most similar listing", "The %(count)s most similar listings", answer.total) % numbers
    return ngettext("%(count)s listing", "%(count)s listings", answer.total) % numbers


def _notice(answer: SearchAnswer) -> str | None:
    if not answer.is_unanswered:
        return None
    if answer.is_photo_unanswered and answer.query.words.wanted:
        return _("Photos cannot be compared right now. These match your words; try again in a minute for the photo.")
    if answer.is_photo_unanswered:
        return _("Photos cannot be compared right now. Meanwhile, this is what is new; try again in a minute.")
    return _("Only titles and descriptions were searched just now. Try again in a minute for what photos show.")


def _relaxed(answer: SearchAnswer) -> dict[str, Any] | None:
    """Return what was passed over, in a sentence, and where nothing is."""
    relaxed = answer.relaxed
    if relaxed.filters:
        labels = ", ".join(filter_label(answer, param) for param in relaxed.filters)
        text = _("Nothing passes every filter. This is without: %(filters)s.") % {"filters": labels}
    elif not answer.has_words:
        text = _("No listing says “%(words)s”. These come nearest by their looks.") % {"words": answer.query.words.text}
    elif relaxed.words:
        words = ", ".join(f"“{word}”" for word in relaxed.words)
        text = _("No listing has all of these words. This is without %(words)s.") % {"words": words}
    else:
        return None
    return {"text": text, "strict_url": search_url(answer.query.changed(is_strict=True))} if answer.cards else None


def _likeness(answer: SearchAnswer) -> str:
    """Return what “cheaper” was measured by, in a sentence, where that is not the price of a listing."""
    photo = answer.photo
    if photo is None or not answer.query.is_cheaper or photo.is_placed or answer.is_unanswered:
        return ""
    if photo.price is None:
        return _("Too few listings look like your photo to tell what is cheaper, so that every price is shown.")
    facts = {"price": amount(photo.price), "count": photo.alike, "kind": photo.kind}
    if photo.kind:
        text = _("Cheaper is below %(price)s here: the middle price of the %(count)s most similar in %(kind)s.")
    else:
        text = _("Cheaper is below %(price)s here: the middle price of the %(count)s most similar listings.")
    return text % facts


def _refine(answer: SearchAnswer) -> dict[str, Any] | None:
    """Return what the panel below a query's picture needs, None without a picture."""
    query = answer.query
    if not query.has_examples:
        return None
    away = _("without %(words)s") % {"words": query.without} if query.without else ""
    return {
        "wish": f"{query.but} {away}".strip(),
        "kept": _kept(query.changed(but="", without="", balance=EVEN_BALANCE)),
        "balance": query.balance if answer.photo and query.words.wanted else None,
        "photo_url": reverse("search:query_photo", args=[answer.photo.id]) if answer.photo else None,
        "photo_width": answer.photo.renditions["card"]["width"] if answer.photo else 0,
        "photo_height": answer.photo.renditions["card"]["height"] if answer.photo else 0,
        "crop": query.crop.text if query.crop else "",
        "kept_with_crop": _kept(query.changed(crop=None)),
        "parts": PARTS,
        "has_price": answer.photo is not None,
    }
