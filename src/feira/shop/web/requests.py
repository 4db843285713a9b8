"""A request as our middleware leaves it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """What a page's view is given: true `htmx` means that a part of the page is asked for."""

    htmx: HtmxDetails
