"""The search page."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from feira.core.errors import InvalidImage
from feira.shop.accounts.models import Account
from feira.shop.feedback.people import person_of
from feira.shop.feedback.selectors import own_judgements
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.refusals import refusal_text
from feira.shop.photos.uploads import refuse_large_body, upload_content
from feira.shop.search.forms import PhotoForm
from feira.shop.search.history import remember
from feira.shop.search.links import search_url
from feira.shop.search.presenting import page_context, query_context
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import PhotoNotFound, query_photo
from feira.shop.search.services import note_search, search_listings, take_query_photo
from feira.shop.search.throttles import PhotoThrottle
from feira.shop.search.uploads import remember_upload, searcher_of
from feira.shop.web.cursors import InvalidCursor
from feira.shop.web.requests import PageRequest
from feira.shop.web.throttling import is_allowed

FULL, RESULTS, MORE_CARDS = "search/results.html", "search/_results.html", "search/_cards.html"


@require_safe
@vary_on_headers("HX-Request")
def search(request: PageRequest) -> HttpResponse:
    """Show what answers the query in the URL; htmx gets the results alone, or just the next cards."""
    query = SearchQuery.from_url(request.GET)
    try:
        return _answer(request, query)
    except PhotoNotFound as error:
        return _without_photo(request, query, error=error.message, status=404)
    except InvalidCursor:
        # The engine came or went between two pages, or the link was cut: the first page is always there.
        return redirect(search_url(query.changed()))


@require_POST
def by_photo(request: PageRequest) -> HttpResponse:
    """Take a photo to search with, along with the rest of the query, and lead to its results."""
    query = SearchQuery.from_url(request.POST).without_photo()
    throttle = PhotoThrottle()
    if not is_allowed(request, throttle):
        response = _without_photo(
            request, query, error=_("That were many photos. Wait a minute and try again."), status=429
        )
        response["Retry-After"] = str(int(throttle.wait() or 0) + 1)
        return response
    try:
        refuse_large_body(request)
        form = PhotoForm(request.POST, request.FILES)
        if not form.is_valid():
            return _without_photo(request, query, error=str(form.errors["photo"][0]), status=422)
        photo = take_query_photo(content=upload_content(form.cleaned_data["photo"]), visitor=request.user)
    except InvalidImage as error:
        return _without_photo(request, query, error=refusal_text(error), status=422)
    remember_upload(request, photo.pk)
    response = redirect(search_url(query.changed(photo_id=photo.pk)))
    response.status_code = 303
    return response


@require_safe
def thumb(request: PageRequest, photo_id: int, name: str = "thumb") -> HttpResponse:
    """Send a rendition of a photo that this visitor may search with; to anybody else it does not exist."""
    try:
        photo = query_photo(SearchQuery(photo_id=photo_id), searcher_of(request))
        content = blob_store().get(photo.renditions[name]["digest"]) if photo else b""
    except (PhotoNotFound, FileNotFoundError) as error:
        raise Http404 from error
    return HttpResponse(content, content_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})


def _answer(request: PageRequest, query: SearchQuery) -> HttpResponse:
    is_next_page = bool(request.htmx and query.after)
    answer = search_listings(query, searcher_of(request), with_facets=not is_next_page)
    person = person_of(request)
    note_search(answer, person)
    own = own_judgements(person, answer.key, [card["id"] for card in answer.cards])
    context = page_context(answer, own_judgements=own)
    if not is_next_page and isinstance(request.user, Account):
        remember(account=request.user, query=query, name=context["save_name"], total=answer.total)
    template = MORE_CARDS if is_next_page else RESULTS if request.htmx else FULL
    return render(request, template, context)


def _without_photo(request: PageRequest, query: SearchQuery, *, error: str, status: int) -> HttpResponse:
    """Show the page of the query without its photo, with a sentence beside the field."""
    rest = query.without_photo()
    answer = search_listings(rest, searcher_of(request))
    context: dict[str, Any] = page_context(answer) | query_context(rest) | {"form_error": error}
    return render(request, RESULTS if request.htmx else FULL, context, status=status)
