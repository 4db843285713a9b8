"""Which photos were sent from this browser: a guest's photo belongs to the session it was sent in."""

from collections.abc import Collection

from django.http import HttpRequest

from feira.shop.search.selectors import Searcher

SESSION_KEY = "search_photos"
MOST_REMEMBERED = 20


def searcher_of(request: HttpRequest) -> Searcher:
    """Return who searches."""
    return Searcher(request.user, uploaded_from(request))


def uploaded_from(request: HttpRequest) -> Collection[int]:
    """Return the photos sent in this session; a program without one has none."""
    session = getattr(request, "session", None)
    return session.get(SESSION_KEY, []) if session is not None else []


def remember_upload(request: HttpRequest, photo_id: int) -> None:
    """Let this session search with the photo from now on."""
    if hasattr(request, "session"):
        kept = [known for known in request.session.get(SESSION_KEY, []) if known != photo_id]
        request.session[SESSION_KEY] = [*kept, photo_id][-MOST_REMEMBERED:]
