"""Pages about what people look for and what they make of the answers."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from feira.shop.accounts.requests import SignedInRequest
from feira.shop.feedback.keys import NoQuery, checked_key
from feira.shop.feedback.people import person_of
from feira.shop.feedback.selectors import own_judgements
from feira.shop.feedback.statistics import Period, query_figures
from feira.shop.insight import selectors
from feira.shop.insight.access import SEE_QUERIES, staff_with
from feira.shop.insight.charts import upright_bars
from feira.shop.insight.questions import query_from
from feira.shop.learning.selectors import live_version
from feira.shop.search.links import search_url
from feira.shop.search.selectors import PhotoNotFound, Searcher
from feira.shop.search.services import search_listings

DAYS = (1, 7, 30, 90)
USUAL_DAYS = 7
LABELS = {
    "top": _("Most asked"),
    "without_results": _("Without a result"),
    "few_clicks": _("Seldom opened"),
    "slow": _("Slow"),
}
HELP = {
    "top": _("What people look for most."),
    "without_results": _("What people look for and do not find: goods that are missing, or words that the shop lacks."),
    "few_clicks": _("Asked at least five times, answered, and hardly anything opened: the answers do not convince."),
    "slow": _("Asked at least three times; the slowest on average first."),
}
SHOWN = 24


@require_safe
@staff_with(SEE_QUERIES)
def queries(request: SignedInRequest) -> HttpResponse:
    """Show what is searched for: the most asked, the unanswered, the seldom opened and the slow queries."""
    days, since = _period(request)
    order = next((each for each in selectors.ORDERS if each == request.GET.get("order")), selectors.ORDERS[0])
    daily = selectors.by_day(since)
    context = {
        "days": days,
        "periods": DAYS,
        "kept": urlencode({"order": order}),
        "order": order,
        "orders": [{"name": name, "label": LABELS[name]} for name in selectors.ORDERS],
        "help": HELP[order],
        "totals": selectors.totals(since),
        "daily": daily,
        "bars": upright_bars([(day.isoformat(), count, without) for day, count, without in daily]),
        "rows": selectors.queries(order, since),
    }
    return render(request, "insight/queries.html", context)


@require_safe
@staff_with(SEE_QUERIES)
def one_query(request: SignedInRequest) -> HttpResponse:
    """Show one query: how often it is asked, what people did with its answers, and the answers now, to be judged."""
    try:
        key = checked_key(request.GET.get("key", ""))
    except NoQuery:
        return render(request, "insight/no_query.html", status=404)
    days, since = _period(request)
    (figures,) = query_figures(Period(since), key=key)
    daily = selectors.by_day(since, key=key)
    query = query_from(key, figures.text or selectors.texts_of([key]).get(key, ""))
    shown = sorted(figures.listings, key=lambda each: (-each.shown, -each.clicked, each.listing_id))
    context: dict[str, Any] = {
        "key": key,
        "kept": urlencode({"key": key}),
        "here": "queries",
        "days": days,
        "periods": DAYS,
        "figures": figures,
        "listings": [each for each in shown if each.title][:SHOWN],
        "daily": daily,
        "bars": upright_bars([(day.isoformat(), count, without) for day, count, without in daily]),
        "search_url": search_url(query),
        "query_key": key,
        "query_text": query.text,
        "ranker_version": live_version("query_ranker"),
    }
    try:
        answer = search_listings(query, Searcher(request.user), size=SHOWN, with_facets=False)
    except PhotoNotFound:
        # The photo of a guest is nobody else's business, or it is gone.
        return render(request, "insight/query.html", {**context, "is_photo_hidden": True})
    said = own_judgements(person_of(request), key, [card["id"] for card in answer.cards])
    cards = [{**card, "thumb": said.get(card["id"], 0)} for card in answer.cards]
    return render(request, "insight/query.html", {**context, "cards": cards, "total": answer.total})


@require_safe
@staff_with(SEE_QUERIES)
def judged(request: SignedInRequest) -> HttpResponse:
    """Show the queries that people judged answers of."""
    return render(request, "insight/judged.html", {"rows": selectors.judged_queries()})


def _period(request: SignedInRequest) -> tuple[int, Any]:
    given = request.GET.get("days", "")
    days = int(given) if given in {str(each) for each in DAYS} else USUAL_DAYS
    return days, timezone.now() - timedelta(days=days)
