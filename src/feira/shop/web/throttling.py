"""The API's throttles, for pages."""

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView


def is_allowed(request: HttpRequest, throttle: BaseThrottle) -> bool:
    """Count a request to a page and tell whether it may go on; `throttle.wait()` says when it may otherwise.

    The account is handed over: DRF's request would look for one by itself, find none, and sign the page's request out.
    """
    asked = Request(request)
    asked.user = request.user
    return throttle.allow_request(asked, APIView())
