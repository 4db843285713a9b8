"""What can go wrong between a program and the shop.

FeiraApiError       the shop refused, or could not be asked
├── NotSignedIn     no token, or one that was taken back (401)
├── NotAllowed      it is there, but not yours to change (403)
├── NotFound        there is no such thing, or you may not see it (404)
├── Conflict        not in this state (409)
├── Expired         a link whose time is over (410)
├── Invalid         the request or its content cannot be used (400, 413, 415, 422)
├── Busy            too many requests, or the shop is overloaded (429, 503); `retry_after_s` says when to go on
├── NotUnderstood   an answer that is none of a Feira shop
├── Unreachable     no answer at all: wrong address, no network, too slow
├── WorkFailed      work that was waited for ended without a result; `detail` is the reason
└── Damaged         what arrived is not what the shop's list of checksums says
"""

from collections.abc import Mapping, Sequence
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


class Expired(FeiraApiError):
    """The time of this link is over; ask for another."""


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


class WorkFailed(FeiraApiError):
    """Work that was waited for has failed or was cancelled; `facts["state"]` says which."""

    def __init__(self, what: str, state: str, reason: str) -> None:
        super().__init__(0, f"work_{state}", f"{what} {state}: {reason or 'no reason was given'}", {"state": state})


class Damaged(FeiraApiError):
    """A file differs from its checksum, or is missing; `facts["files"]` names them."""

    def __init__(self, files: Sequence[str], where: str) -> None:
        first = ", ".join(files[:3]) + (" …" if len(files) > 3 else "")
        detail = f"{len(files)} of the files in {where} are not as the manifest says: {first}. Download it again."
        super().__init__(0, "damaged", detail, {"files": [*files]})


BY_STATUS: dict[int, type[FeiraApiError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: Expired,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}
