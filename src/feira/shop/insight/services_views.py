"""The page of services: what each does, how its last run went, and its options."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from feira.core.errors import FeiraError
from feira.shop.accounts.requests import SignedInRequest
from feira.shop.insight.access import SEE_JOBS, staff_with
from feira.shop.insight.services_shown import ShownJob, shown_jobs
from feira.shop.jobs.ledger import last_of_each, may_start
from feira.shop.jobs.offered import BadOptions, Group, Service, UnknownService, get_service, offered, start
from feira.shop.jobs.services import workers_alive


@require_safe
@staff_with(SEE_JOBS)
def services(request: SignedInRequest) -> HttpResponse:
    """Show a card for every service; with htmx only the cards, as the page asks for while something runs."""
    cards = list(_cards(request))
    context = {
        "groups": [(label, list(some)) for label, some in groupby(cards, key=lambda card: card["group"])],
        "is_working": any(card["last"] and card["last"].is_unfinished for card in cards),
        "workers": workers_alive(),
    }
    part = "insight/services_cards.html" if request.htmx else "insight/services.html"
    return render(request, part, context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_with(SEE_JOBS)
def service(request: SignedInRequest, name: str) -> HttpResponse:
    """Show the options of a service; start it when they are sent."""
    found = _found(name)
    if not may_start(request.user, found.permission):
        return render(request, "insight/services_refused.html", {"service": found, "here": "services"}, status=403)
    if found.page:
        return redirect(found.page)
    form: Form = found.options()
    if request.method == "POST":
        form = found.options(request.POST, request.FILES)
        try:
            started = start(found, form, requested_by=request.user.pk)
        except BadOptions:
            pass  # told beside the fields
        except FeiraError as error:
            form.add_error(None, error.message)
        else:
            said = _("Asked for: %(title)s.") if started.is_new else _("%(title)s is under way already.")
            messages.success(request, said % {"title": found.title})
            return redirect("insight:job", started.job.pk)
    context = {"service": found, "form": form, "last": _last(found), "here": "services"}
    return render(request, "insight/services_service.html", context, status=422 if form.errors else 200)


def _cards(request: SignedInRequest) -> Iterator[dict[str, Any]]:
    every = offered()
    last = last_of_each(service.kind for service in every)
    shown = {each.job.kind: each for each in shown_jobs(list(last.values()))}
    for each in every:
        page = _page_of(each)
        if each.page and page is None:
            continue
        yield {
            "group": Group(each.group).label,
            "service": each,
            "last": shown.get(each.kind),
            "may_start": may_start(request.user, each.permission),
            "page": page,
            "has_options": bool(each.options.base_fields),
        }


def _page_of(service: Service) -> str | None:
    """Return the address of the page where a service is asked for; None without one."""
    try:
        return reverse(service.page) if service.page else None
    except NoReverseMatch:
        return None


def _last(service: Service) -> ShownJob | None:
    found = last_of_each([service.kind])
    return next(iter(shown_jobs(list(found.values()))), None)


def _found(name: str) -> Service:
    try:
        return get_service(name)
    except UnknownService:
        raise Http404 from None
