"""A reference for every request, and problem documents for errors that escape the API's own handler."""

import secrets
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from feira.core.errors import FeiraError
from feira.settings import load_settings
from feira.shop.web.problems import problem_response

ALLOWANCE = 1_000_000

Handler = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger(__name__)


def wants_json(request: HttpRequest) -> bool:
    """Tell whether the caller is a program of the API rather than a person with a browser."""
    return request.path.startswith("/api/")


class RequestIdMiddleware:
    """Names each request, in the log lines it causes and in the answer's `X-Request-ID`."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reference = secrets.token_hex(6)
        request.META["feira.reference"] = reference
        with structlog.contextvars.bound_contextvars(request_id=reference):
            response = self.get_response(request)
        response["X-Request-ID"] = reference
        return response


class BodyLimitMiddleware:
    """Refuses a body that no form of the shop can have, by its announced length.

    It stands before the check against forged requests, which reads the whole body to look for its token.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Answer with 413 what is too large; a body without a length is none."""
        length, most = request.META.get("CONTENT_LENGTH") or "", most_bytes()
        if not length.isdigit() or int(length) <= most:
            return None
        if wants_json(request):
            detail = f"The body has more than {most} bytes. Send less at once."
            return problem_response(413, detail=detail, code="body_too_large", max_bytes=most)
        return render(request, "errors/413.html", status=413)


def most_bytes() -> int:
    """Return how many bytes the largest form has: every photo of a listing at once, and its words."""
    settings = load_settings()
    return settings.photos_per_listing * settings.photo_max_bytes + ALLOWANCE


class ProblemMiddleware:
    """Turns deliberate errors of pages into pages, and API errors outside DRF into problem documents."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if wants_json(request) and response.status_code in (403, 404, 405, 400) and _is_html(response):
            detail = "No such address. The list of addresses is at /api/v1/schema/."
            return problem_response(response.status_code, detail=detail, code="not_found")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a deliberate error; leave every other one to the 500 page."""
        if not isinstance(error, FeiraError):
            return None
        if wants_json(request):
            return problem_response(error.http_status, detail=error.message, code=error.code, **error.facts)
        return render(request, "errors/refused.html", {"message": error.message}, status=error.http_status)


def _is_html(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith("text/html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unforeseen error with the reference under which the log knows it."""
    reference = request.META.get("feira.reference", "unknown")
    if wants_json(request):
        body = {
            "type": "urn:feira:problem:internal",
            "title": "Something went wrong on our side",
            "status": 500,
            "detail": f"It has been noted under the reference {reference}.",
            "code": "internal",
            "reference": reference,
        }
        return JsonResponse(body, status=500, content_type="application/problem+json")
    return render(request, "errors/500.html", {"reference": reference}, status=500)
