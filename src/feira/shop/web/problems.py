"""Errors as RFC 9457 problem documents: one mapping from our error tree and DRF's to HTTP."""

from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from feira.core.errors import FeiraError

PROBLEM_JSON = "application/problem+json"

TITLES = {
    400: "The request cannot be understood",
    401: "You are not signed in",
    403: "You may not do that",
    404: "There is nothing here",
    405: "This address does not take that method",
    406: "No media type that you take can be given",
    409: "It has changed in the meantime",
    410: "It is not there any more",
    413: "That is too large",
    415: "This media type is not taken here",
    416: "There are no such bytes",
    422: "The content cannot be used",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not available right now",
}


def problem(status: int, *, detail: str, code: str, **facts: Any) -> dict[str, Any]:
    """Return a problem document: type, title, status, detail, plus `code` and facts as extension members."""
    return {
        "type": f"urn:feira:problem:{code}",
        "title": TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "code": code,
        **facts,
    }


def problem_response(status: int, *, detail: str, code: str, **facts: Any) -> HttpResponse:
    """Return a problem document as a plain Django response, for errors outside DRF."""
    body = orjson.dumps(problem(status, detail=detail, code=code, **facts))
    return HttpResponse(body, status=status, content_type=PROBLEM_JSON)


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn a deliberate error into a problem document; anything else goes on to the 500 handler."""
    if isinstance(error, FeiraError):
        body = problem(error.http_status, detail=error.message, code=error.code, **error.facts)
        response = Response(body, status=error.http_status)
        if error.http_status == 503:
            response["Retry-After"] = "5"
    elif isinstance(error, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        detail = f"The body has more than {most} bytes. Send less at once."
        response = Response(problem(413, detail=detail, code="body_too_large", max_bytes=most), status=413)
    else:
        handled = exception_handler(error, context)
        if handled is None:
            return None
        response = handled
        response.data = _from_drf(error, response)
    response.content_type = PROBLEM_JSON
    return response


def _from_drf(error: Exception, response: Response) -> dict[str, Any]:
    status = response.status_code
    if isinstance(error, exceptions.ValidationError):
        data = response.data
        faults = data if isinstance(data, dict) else {"non_field_errors": data}
        fields = ", ".join(str(name) for name in faults)
        return problem(status, detail=f"Please check: {fields}.", code="invalid", errors=faults)
    if isinstance(error, Http404 | exceptions.NotFound):
        return problem(status, detail="No such thing, or you may not see it.", code="not_found")
    if isinstance(error, exceptions.NotAuthenticated):
        detail = "Send a token as `Authorization: Bearer …`, or sign in."
        return problem(status, detail=detail, code=error.default_code)
    if isinstance(error, PermissionDenied) or _says_no_more_than_no(error):
        return problem(status, detail="Ask the owner or an administrator.", code="permission_denied")
    if isinstance(error, exceptions.APIException):
        codes = error.get_codes()
        return problem(status, detail=str(error.detail), code=codes if isinstance(codes, str) else error.default_code)
    return problem(status, detail=TITLES.get(status, "The request failed"), code="error")


def _says_no_more_than_no(error: Exception) -> bool:
    return isinstance(error, exceptions.PermissionDenied) and error.detail == exceptions.PermissionDenied.default_detail
