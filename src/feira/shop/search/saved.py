"""Searches that people keep: saved, renamed, opened, given up."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.errors import Refused
from feira.shop.accounts.models import Account
from feira.shop.search.models import MOST_NAME, MOST_PARAMETERS, SavedSearch
from feira.shop.search.query import SearchQuery

MOST_SAVED = 50


class TooManySaved(Refused):
    """This account keeps as many searches as it may."""

    code = "too_many_saved_searches"
    http_status = 409


class NothingToSave(Refused):
    """A query that asks for nothing, or one that is too long to keep."""

    code = "nothing_to_save"
    http_status = 422


@dataclass(frozen=True, slots=True)
class ShownSearch:
    """A kept search as its owner sees it; `new` counts finds since it was last opened."""

    id: int
    name: str
    parameters: str
    alerts: str
    new: int
    created_at: datetime


def query_of(parameters: str) -> SearchQuery:
    """Return the query that these parameters stand for, from its first page."""
    return SearchQuery.from_url(QueryDict(parameters)).changed()


def searches_of(account: Account) -> list[ShownSearch]:
    """List what an account keeps, those with new finds first; one query."""
    is_new = Q(finds__found_at__gt=F("opened_at"), finds__listing__state="live")
    rows = SavedSearch.objects.filter(account=account).annotate(new=Count("finds", filter=is_new))
    return [
        ShownSearch(row.pk, row.name, row.parameters, row.alerts, row.new, row.created_at)
        for row in rows.order_by("-new", "-pk")
    ]


def save_search(
    *, account: Account, query: SearchQuery, name: str = "", alerts: str = SavedSearch.Alerts.SOON
) -> SavedSearch:
    """Keep a query; one that is kept already is returned as it is.

    Raises:
        NothingToSave: the query asks for nothing, or is too long to keep.
        TooManySaved: the account keeps `MOST_SAVED` already.
    """
    parameters = query.changed().to_url()
    if not parameters:
        raise NothingToSave(_("Look for something first: words, a photo or a filter. Then save that."))
    if len(parameters) > MOST_PARAMETERS:
        raise NothingToSave(_("This search is too long to keep. Take away some of its parts."))
    known = SavedSearch.objects.filter(account=account, parameters=parameters).first()
    if known is not None:
        return known
    if SavedSearch.objects.filter(account=account).count() >= MOST_SAVED:
        raise TooManySaved(_("You keep %(most)d searches already. Give one up to save another.") % {"most": MOST_SAVED})
    try:
        with transaction.atomic():
            return SavedSearch.objects.create(
                account=account, parameters=parameters, name=_name(name, query), alerts=alerts
            )
    except IntegrityError:  # a second click came first
        return SavedSearch.objects.get(account=account, parameters=parameters)


def change_search(*, search: SavedSearch, name: str | None = None, alerts: str | None = None) -> SavedSearch:
    """Give a kept search another name, or other alerts."""
    if name is not None:
        search.name = _name(name, query_of(search.parameters))
    if alerts is not None:
        search.alerts = alerts
    search.save(update_fields=["name", "alerts"])
    return search


def open_search(search: SavedSearch) -> SearchQuery:
    """Note that its finds were seen, and return the query."""
    SavedSearch.objects.filter(pk=search.pk).update(opened_at=timezone.now())
    return query_of(search.parameters)


def _name(given: str, query: SearchQuery) -> str:
    plain = " ".join(given.split())[:MOST_NAME]
    if plain:
        return plain
    return (query.text or (_("Like a photo") if query.has_photo else _("A filter")))[:MOST_NAME]
