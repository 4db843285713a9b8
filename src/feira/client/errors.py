"""What can go wrong between a program and the shop.

FeiraApiError       the shop refused, or could not be asked
├── NotSignedIn     no token, or one that was taken back (401)
├── NotAllowed      it is there, but not yours to change (403)
├── NotFound        there is no such thing, or you may not see it (404)
├── Conflict        not in this state (409)
├── Invalid         the request or its content cannot be used (400, 413, 415, 422)
├── Busy            too many requests, or the shop is overloaded (429, 503); `retry_after_s` says when to go on
├── NotUnderstood   an answer that is none of a Feira shop
└── Unreachable     no answer at all: wrong address, no network, too slow
"""

from collections.abc import Mapping
from typing import Any


class FeiraApiError(Exception):
    """A refusal, as the shop's problem document tells it.

    Attributes:
        status: of the HTTP answer; 0 when there was none.
        code: stable word for programs, such as `invalid_image`.
        detail: sentence for people.
        facts: further members of the problem document, such as `reason`, `field` or `errors`.
    """

    def __init__(self, status: int, code: str, detail: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{detail} ({status} {code})" if status else detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.facts = dict(facts or {})


class NotSignedIn(FeiraApiError):
    """There is no token, or it is unknown."""


class NotAllowed(FeiraApiError):
    """This account may not do that."""


class NotFound(FeiraApiError):
    """There is no such thing, or this account may not see it."""


class Conflict(FeiraApiError):
    """The thing is not in a state in which that can be done."""


class Invalid(FeiraApiError):
    """The request or its content cannot be used; `facts["errors"]` or `facts["field"]` names what to change."""


class Busy(FeiraApiError):
    """The shop asks to come again after `retry_after_s` seconds."""

    def __init__(self, status: int, code: str, detail: str, facts: Mapping[str, Any], *, retry_after_s: float) -> None:
        super().__init__(status, code, detail, facts)
        self.retry_after_s = retry_after_s


class Unreachable(FeiraApiError):
    """The shop gave no answer."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(0, "unreachable", f"No answer from {url}: {reason}. Is the shop running there?", {"url": url})


class NotUnderstood(FeiraApiError):
    """The answer has not the shape of one of a Feira shop."""

    def __init__(self, url: str) -> None:
        detail = f"The answer of {url} cannot be understood. Is there a Feira shop, of this client's version or newer?"
        super().__init__(200, "not_understood", detail, {"url": url})


BY_STATUS: dict[int, type[FeiraApiError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}
