"""Pages of kept searches and of what one looked for."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feira.core.errors import Refused
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.search import history
from feira.shop.search.alerts import search_to_stop
from feira.shop.search.links import search_url
from feira.shop.search.models import SavedSearch
from feira.shop.search.saved import change_search, open_search, query_of, save_search, searches_of
from feira.shop.web.requests import PageRequest


@require_safe
@login_required
def saved(request: SignedInRequest) -> HttpResponse:
    """Show the searches this account keeps."""
    searches = [{"search": row, "url": search_url(query_of(row.parameters))} for row in searches_of(request.user)]
    return render(request, "search/saved.html", {"searches": searches, "alert_choices": SavedSearch.Alerts.choices})


@require_POST
@login_required
def save(request: SignedInRequest) -> HttpResponse:
    """Keep the query that the form names; htmx gets the button anew, a plain form the list."""
    query = query_of(request.POST.get("parameters", ""))
    try:
        save_search(account=request.user, query=query, name=request.POST.get("name", ""))
    except Refused as error:
        if request.htmx:
            return render(request, "search/_save.html", _button(query_url=query.to_url(), error=error.message))
        messages.error(request, error.message)
        return redirect(search_url(query))
    if request.htmx:
        return render(request, "search/_save.html", _button(query_url=query.to_url(), is_saved=True))
    messages.success(request, _("Saved. You will hear of new finds."))
    return redirect("search:saved")


@require_safe
@login_required
def open_saved(request: SignedInRequest, search_id: int) -> HttpResponse:
    """Lead to the results of a kept search; its finds count as seen."""
    return redirect(search_url(open_search(_own(request, search_id))))


@require_POST
@login_required
def change_saved(request: SignedInRequest, search_id: int) -> HttpResponse:
    """Give a kept search another name or other alerts."""
    alerts = request.POST.get("alerts")
    change_search(
        search=_own(request, search_id),
        name=request.POST.get("name"),
        alerts=alerts if alerts in SavedSearch.Alerts.values else None,
    )
    messages.success(request, _("Saved."))
    return redirect("search:saved")


@require_POST
@login_required
def forget_saved(request: SignedInRequest, search_id: int) -> HttpResponse:
    """Give a kept search up."""
    _own(request, search_id).delete()
    messages.success(request, _("This search is no longer kept."))
    return redirect("search:saved")


@csrf_exempt  # mail programs end alerts by one POST of their own (RFC 8058); the signed token is the permission
@require_http_methods(["GET", "HEAD", "POST"])
def stop_alerts(request: PageRequest, token: str) -> HttpResponse:
    """Ask whether a search's mails shall end, and end them."""
    search = search_to_stop(token)
    if search is None:
        raise Http404
    if request.method == "POST":
        change_search(search=search, alerts=SavedSearch.Alerts.NEVER)
    return render(request, "search/stop_alerts.html", {"search": search, "is_stopped": request.method == "POST"})


@require_safe
@login_required
def past(request: SignedInRequest) -> HttpResponse:
    """Show what this account looked for."""
    rows = [
        {"search": row, "url": search_url(query_of(row.parameters))} for row in history.past_searches_of(request.user)
    ]
    return render(request, "search/past.html", {"searches": rows, "is_paused": history.is_paused(request.user)})


@require_POST
@login_required
def forget_past(request: SignedInRequest, search_id: int | None = None) -> HttpResponse:
    """Forget one past search, or all."""
    history.forget(account=request.user, search_id=search_id)
    messages.success(request, _("Forgotten."))
    return redirect("search:past")


@require_POST
@login_required
def pause_past(request: SignedInRequest) -> HttpResponse:
    """Stop remembering searches, or go on, as the form's `paused` says."""
    if request.POST.get("paused") == "1":
        history.pause(account=request.user)
        messages.success(request, _("What you look for is no longer remembered."))
    else:
        history.resume(account=request.user)
        messages.success(request, _("What you look for is remembered again, for you alone."))
    return redirect("search:past")


def _own(request: SignedInRequest, search_id: int) -> SavedSearch:
    return get_object_or_404(SavedSearch.objects.filter(account=request.user), pk=search_id)


def _button(**facts: Any) -> dict[str, Any]:
    return {"is_saved": False, "error": "", **facts}
