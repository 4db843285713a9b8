"""Where a query is answered."""

from django.urls import reverse

from feira.shop.search.query import SearchQuery


def search_url(query: SearchQuery) -> str:
    """Return the address of a query's page."""
    parameters = query.to_url()
    return reverse("search:search") + (f"?{parameters}" if parameters else "")
