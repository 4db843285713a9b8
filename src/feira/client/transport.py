"""Requests to the shop: tokens, retries, and answers or errors as values."""

import random
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from feira import __version__
from feira.client.errors import BY_STATUS, Busy, FeiraApiError, NotUnderstood, Unreachable

ATTEMPTS = 4
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Transport:
    """Speaks to one shop over kept connections; may be shared by threads."""

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        headers = {"Accept": "application/json", "User-Agent": f"feira-client/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.root = httpx.URL(url.rstrip("/") + "/")
        self._http = httpx.Client(base_url=f"{self.root}api/v1/", headers=headers, timeout=timeout_s)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def absolute(self, address: str) -> str:
        """Return a whole address for one that starts at the shop's root."""
        return str(self.root.join(address))

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        photo: bytes | None = None,
        key: str | None = None,
    ) -> Any:
        """Send a request and return the answer's JSON; None where the answer has no content.

        Requests that may be repeated without harm (`GET`, `PUT`, `DELETE`, and those with a key) are sent again, with
        growing pauses, when the connection breaks or the shop says 503. Any other is sent again only when no connection
        was made.

        Args:
            photo: bytes sent as the form field `photo`.
            key: an Idempotency-Key.

        Raises:
            FeiraApiError: the shop refused, or gave no answer.
        """
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            json=json,
            data=dict(form) if form else None,
            files=None if photo is None else {"photo": ("photo", photo)},
            headers={} if key is None else {"Idempotency-Key": key},
        )
        repeatable = method in REPEATABLE or key is not None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble: FeiraApiError = Unreachable(str(self.root), str(error) or "no connection")
                pause_s = 0.0
            except httpx.TimeoutException as error:
                raise Unreachable(str(self.root), "it took too long") from error
            except httpx.TransportError as error:
                trouble, pause_s = Unreachable(str(self.root), str(error) or "the connection broke"), 0.0
                if not repeatable:
                    raise trouble from error
            except Busy as error:
                if error.status != 503 or not repeatable:
                    raise
                trouble, pause_s = error, error.retry_after_s
            if attempt < ATTEMPTS:
                time.sleep(pause_before(attempt, at_least_s=pause_s))
        raise trouble

    @contextmanager
    def opened(self, address: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Yield the answer to one GET, its content still to be read; no attempt is repeated.

        Args:
            address: whole, or under the API. The token goes to the shop itself and to nobody else.

        Raises:
            FeiraApiError: the shop refused.
            httpx.TransportError: there was no answer, or it broke off while it was read.
        """
        request = self._http.build_request("GET", address, headers={"Accept": "*/*", **headers})
        if (request.url.scheme, request.url.netloc) != (self.root.scheme, self.root.netloc):
            request.headers.pop("Authorization", None)
        response = self._http.send(request, stream=True, follow_redirects=True)
        try:
            if not response.is_success:
                response.read()
                raise error_from(response)
            yield response
        finally:
            response.close()

    def _send(self, request: httpx.Request) -> Any:
        response = self._http.send(request)
        if not response.is_success:
            raise error_from(response)
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise NotUnderstood(str(self.root)) from error


def new_key() -> str:
    """Return a name for a request that no other request has."""
    return str(uuid.uuid4())


def pause_before(attempt: int, *, at_least_s: float = 0.0) -> float:
    """Return the seconds to wait after the first, second, … attempt in vain: growing, at most `LONGEST_PAUSE_S`."""
    # Scattered, so that the programs that met the same trouble do not come back all at once.
    scattered = FIRST_PAUSE_S * float(2 ** (min(attempt, 20) - 1)) * random.uniform(0.5, 1.0)
    return min(max(at_least_s, scattered), LONGEST_PAUSE_S)


def error_from(response: httpx.Response) -> FeiraApiError:
    """Return the error that an answer stands for; one without a problem document is told by its status."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    facts = dict(body) if isinstance(body, dict) else {}
    status = response.status_code
    code = str(facts.pop("code", "error"))
    detail = str(facts.pop("detail", response.reason_phrase or "The request failed."))
    for name in ("type", "title", "status"):
        facts.pop(name, None)
    if status in (429, 503):
        return Busy(status, code, detail, facts, retry_after_s=_seconds(response.headers.get("Retry-After")))
    return BY_STATUS.get(status, FeiraApiError)(status, code, detail, facts)


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 1.0
