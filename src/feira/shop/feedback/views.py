"""Thumbs on results, and results that were opened."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from rest_framework.throttling import UserRateThrottle

from feira.shop.feedback import services
from feira.shop.feedback.keys import MOST_TEXT, NoQuery, checked_key
from feira.shop.feedback.people import person_of
from feira.shop.feedback.throttles import ClickThrottle, FeedbackThrottle
from feira.shop.listings.models import Listing, listing_url
from feira.shop.listings.selectors import listings_visible_to
from feira.shop.photos.selectors import ROW_ID_MAX
from feira.shop.web.requests import PageRequest
from feira.shop.web.throttling import is_allowed

VALUES = {"1": 1, "-1": -1, "0": 0}


@require_POST
def judge(request: PageRequest, listing_id: int) -> HttpResponse:
    """Keep a thumb: the address's `query` is the query's key, the form's `thumb` is 1, -1 or 0; guests may.

    htmx gets the new thumbs, a plain form the page it came from.
    """
    listing = _visible(request, listing_id)
    value = VALUES.get(request.POST.get("thumb", ""))
    try:
        key = checked_key(request.GET.get("query", ""))
    except NoQuery:
        return HttpResponse(_("Search for something first."), status=400, content_type="text/plain; charset=utf-8")
    if value is None:
        return HttpResponse(_("A thumb is up or down."), status=400, content_type="text/plain; charset=utf-8")
    if refused := _too_often(request, FeedbackThrottle()):
        return refused
    text = request.GET.get("text", "")[:MOST_TEXT]
    services.judge(
        key=key, text=text or key, listing_id=listing.pk, value=value, person=person_of(request, remembered=True)
    )
    if request.htmx:
        card = {"id": listing.pk, "title": listing.title, "thumb": value}
        return render(request, "feedback/_thumbs.html", {"card": card, "query_key": key, "query_text": text})
    return redirect(_page_before(request, listing))


@require_POST
def click(request: PageRequest) -> HttpResponse:
    """Note that a result was opened; the browser sends it on the way and reads no answer."""
    given = request.POST
    digits = given.get("listing", "")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else 0
    listing = _visible(request, number)
    place = given.get("position", "")
    try:
        key = checked_key(given.get("query", ""))
    except NoQuery:
        return HttpResponse(status=400)
    if refused := _too_often(request, ClickThrottle()):
        return refused
    position = int(place) if place.isascii() and place.isdigit() and len(place) <= 9 else 1
    services.record_click(key=key, listing_id=listing.pk, position=position, person=person_of(request))
    return HttpResponse(status=204)


def _visible(request: PageRequest, listing_id: int) -> Listing:
    listing = listings_visible_to(request.user).filter(pk=min(listing_id, ROW_ID_MAX)).first()
    if listing is None:
        raise Http404
    return listing


def _too_often(request: PageRequest, throttle: UserRateThrottle) -> HttpResponse | None:
    if is_allowed(request, throttle):
        return None
    said = _("That were many at once. Wait a minute and try again.")
    wait_s = int(throttle.wait() or 0) + 1
    return HttpResponse(
        said, status=429, content_type="text/plain; charset=utf-8", headers={"Retry-After": str(wait_s)}
    )


def _page_before(request: PageRequest, listing: Listing) -> str:
    for named in (request.POST.get("next"), request.headers.get("Referer")):
        if named and url_has_allowed_host_and_scheme(
            named, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return named
    return listing_url(listing.pk, listing.title)
