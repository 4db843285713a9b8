"""What the search field shows while somebody types."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from feira.shop.search.links import search_url
from feira.shop.search.query import SearchQuery
from feira.shop.search.services import search_listings
from feira.shop.search.suggest import suggestions_for
from feira.shop.search.uploads import searcher_of
from feira.shop.web.requests import PageRequest

PICTURES = 4


@require_safe
@never_cache
def suggest(request: PageRequest) -> HttpResponse:
    """Show completions at once; with `pictures=1`, which a pause in typing asks for, the best finds as pictures."""
    query = SearchQuery.from_url(request.GET)
    if request.GET.get("pictures"):
        words = SearchQuery(text=query.text)
        answer = search_listings(words, searcher_of(request), size=PICTURES, with_facets=False) if query.text else None
        return render(request, "search/_suggested_pictures.html", {"cards": answer.cards if answer else []})
    found = suggestions_for(query.text, request.user)
    options = [{"text": one.text, "kind": one.kind, "url": search_url(one.query)} for one in found]
    return render(request, "search/_suggestions.html", {"options": options})
