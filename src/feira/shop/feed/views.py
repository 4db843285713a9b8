"""Hearts on pages."""

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from feira.shop.feed import services
from feira.shop.listings.models import listing_url
from feira.shop.listings.selectors import listings_visible_to
from feira.shop.web.requests import PageRequest

FOR_YOU = "for-you"


@require_POST
def like(request: PageRequest, listing_id: int) -> HttpResponse:
    """Set or clear the heart of a listing, as the form's `liked` says; guests are sent to sign in.

    htmx gets the new heart, a plain form the page it came from.
    """
    listing = listings_visible_to(request.user).filter(pk=listing_id).first()
    if listing is None:
        raise Http404
    back = _safe_page(request, listing_url(listing.pk, listing.title))
    if not request.user.is_authenticated:
        sign_in = redirect_to_login(back)
        return HttpResponseClientRedirect(sign_in.url) if request.htmx else sign_in
    liked = request.POST.get("liked") != "0"
    change = services.like if liked else services.unlike
    change(account=request.user, listing=listing)
    if request.htmx:
        card = {"id": listing.pk, "title": listing.title, "liked": liked}
        # The heart that was pressed gets its name back: a listing may stand on a page twice.
        shelf = FOR_YOU if request.htmx.trigger == f"heart-{FOR_YOU}-{listing.pk}" else ""
        return render(request, "components/heart.html", {"card": card, "shelf": shelf})
    return redirect(back)


def _safe_page(request: PageRequest, otherwise: str) -> str:
    """Return the page of this site to go back to: the form's `next`, the page htmx or the browser names, or another."""
    for named in (request.POST.get("next"), request.htmx.current_url_abs_path, request.headers.get("Referer")):
        if named and url_has_allowed_host_and_scheme(
            named, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            return named
    return otherwise
