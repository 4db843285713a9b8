"""One file over HTTP: resumed where it broke off, hashed while it streams, tried again with growing patience."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from feira import __version__
from feira.engine.hub.config import HubConfig
from feira.engine.hub.errors import Offline, PullFailed

ATTEMPTS: Final = 6
MOST_REDIRECTS: Final = 10
LONGEST_WAIT_S: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_SMALL: Final = 20_000_000
_CHUNK: Final = 1 << 20

# Called with the bytes there are and the bytes there will be; None when the server does not say.
Follow = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known of a file before it comes; what is empty is not compared.

    Attributes:
        sha256: in lower-case hex.
        git_blob: SHA-1 of git's blob, which the hub gives for files that are not large.
        size: in bytes.
    """

    sha256: str = ""
    git_blob: str = ""
    size: int | None = None


Answer = TypeVar("Answer")


class _Again(Exception):
    """An attempt failed in a way that another may not."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Sleep(Protocol):
    """Waits some seconds."""

    def __call__(self, seconds: float, /) -> object: ...


class Transfer:
    """Fetches files for one pull.

    Redirects are followed to https only, or to http where the mirror is http; the token goes to the hub's own address
    alone and is left out wherever a redirect leads.
    """

    def __init__(self, config: HubConfig, *, sleep: Sleep = time.sleep) -> None:
        self._config, self._sleep = config, sleep
        headers = {"Accept-Encoding": "identity", "User-Agent": f"feira/{__version__}"}
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch_small(self, url: str) -> bytes:
        """Return the content of an address that holds a description, at most 20 MB.

        Raises:
            Offline, PullFailed: as `fetch`.
        """
        return self._patiently(url, lambda: self._read_small(url))

    def fetch(self, url: str, into: Path, expected: Expected, *, follow: Follow = lambda _have, _all: None) -> str:
        """Fetch a file and return its SHA-256; a part that an earlier call left beside it is gone on with.

        Raises:
            Offline: this installation fetches nothing.
            PullFailed: the address cannot be fetched, is too large, or is not what was expected; a file that is wrong
                is deleted.
        """
        part = into.with_name(f"{into.name}.part")
        resumed = part.exists()
        sha256 = self._patiently(url, lambda: self._read_file(url, part, expected, follow))
        try:
            _compare(url, part, sha256, expected)
        except PullFailed:
            _forget(part)
            if not resumed:
                raise
            # What lay there may have been of another version; the whole file decides.
            sha256 = self._patiently(url, lambda: self._read_file(url, part, expected, follow))
            try:
                _compare(url, part, sha256, expected)
            except PullFailed:
                _forget(part)
                raise
        part.replace(into)
        _mark_of(part).unlink(missing_ok=True)
        return sha256

    def _patiently(self, url: str, attempt: Callable[[], Answer]) -> Answer:
        if self._config.offline:
            raise Offline(
                f"{_shown(url)} would have to be fetched, and FEIRA_OFFLINE or HF_HUB_OFFLINE is set. Unset it, or "
                "copy the model's folder into the models folder by hand."
            )
        fault = ""
        for turn in range(ATTEMPTS):
            try:
                return attempt()
            except _Again as error:
                fault, wait_s = str(error), error.wait_s
            except (httpx.TransportError, OSError) as error:
                fault, wait_s = str(error) or type(error).__name__, None
            if turn + 1 < ATTEMPTS:
                self._sleep(min(wait_s or self._config.first_wait_s * 2**turn, LONGEST_WAIT_S))
        raise PullFailed(
            f"{_shown(url)} cannot be fetched: {fault}. It was tried {ATTEMPTS} times; what has come is kept, "
            "try again later."
        )

    def _read_small(self, url: str) -> bytes:
        with self._open(url, {}) as response:
            content = bytearray()
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > _SMALL:
                    raise PullFailed(f"{_shown(url)} is larger than a description may be ({_SMALL:,} bytes).")
            _check_length(response, len(content))
            return bytes(content)

    def _read_file(self, url: str, part: Path, expected: Expected, follow: Follow) -> str:
        """Bring the part to its end and return its SHA-256; whatever came before a failure stays."""
        have, mark = part.stat().st_size if part.exists() else 0, _read_mark(part)
        headers = {}
        # A mark says that the rest belongs to what is there; else only a checksum can, at the end.
        if have and (mark or expected.sha256):
            headers = {"Range": f"bytes={have}-"} | ({"If-Range": mark} if mark else {})
        with self._open(url, headers) as response:
            if response.status_code == 416:
                if response.headers.get("content-range") == f"bytes */{have}":
                    return _sha256(part)  # it was whole already
                _forget(part)
                raise _Again("the part does not fit the file on the server; starting over", wait_s=0.01)
            goes_on = response.status_code == 206
            if goes_on and not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                _forget(part)
                raise _Again("the server sent another range than asked for; starting over", wait_s=0.01)
            have = have if goes_on else 0
            length = response.headers.get("content-length", "")
            total = have + int(length) if length.isdigit() else expected.size
            self._refuse_size(url, total, expected)
            _write_mark(part, response)
            digest = hashlib.sha256()
            if goes_on:
                _update(digest, part)
            with part.open("ab" if goes_on else "wb") as file:
                follow(have, total)
                for chunk in response.iter_raw():
                    file.write(chunk)
                    digest.update(chunk)
                    have += len(chunk)
                    follow(have, total)
                    if have > self._config.max_bytes or (expected.size is not None and have > expected.size):
                        file.close()
                        _forget(part)
                        self._refuse_size(url, have, expected)
            if total is not None and have < total:
                raise _Again(f"{have:,} of {total:,} bytes came", wait_s=None)
            return digest.hexdigest()

    def _refuse_size(self, url: str, size: int | None, expected: Expected) -> None:
        if size is not None and size > self._config.max_bytes:
            raise PullFailed(
                f"{_shown(url)} has {size:,} bytes or more; at most {self._config.max_bytes:,} are fetched "
                "(FEIRA_HUB_MAX_BYTES)."
            )
        if size is not None and expected.size is not None and size != expected.size:
            raise PullFailed(f"{_shown(url)} has {size:,} bytes, not the {expected.size:,} that were promised.")

    @contextmanager
    def _open(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Yield the answer at the end of the redirects, its body unread; anything but success is an error."""
        address = url
        for _ in range(MOST_REDIRECTS):
            self._refuse_address(address)
            sent = dict(headers)
            if self._config.token and _origin(address) == _origin(self._config.url):
                sent["Authorization"] = f"Bearer {self._config.token}"
            with self._client.stream("GET", address, headers=sent) as response:
                if not response.is_redirect:
                    self._refuse_status(url, response)
                    yield response
                    return
                address = urljoin(address, response.headers["location"])
        raise PullFailed(f"{_shown(url)} leads from one address to the next, more than {MOST_REDIRECTS} times.")

    def _refuse_address(self, address: str) -> None:
        parts = urlsplit(address)
        allowed = {"https", "http"} if self._config.allows_http else {"https"}
        if parts.scheme not in allowed or not parts.hostname:
            raise PullFailed(
                f"{_shown(address)} is not fetched: models come over https (or over http from a mirror that "
                "FEIRA_HUB_URL names with http)."
            )

    def _refuse_status(self, url: str, response: httpx.Response) -> None:
        status = response.status_code
        if status in {200, 206, 416}:
            return
        if status in {401, 403}:
            advice = (
                "the token in FEIRA_HUB_TOKEN or HF_TOKEN does not open it; accept the model's terms on its page"
                if self._config.token
                else "it asks for a token; set FEIRA_HUB_TOKEN or HF_TOKEN, and accept the model's terms on its page"
            )
            raise PullFailed(f"{_shown(url)} is not open to you (HTTP {status}): {advice}.", status=status)
        if status == 404:
            raise PullFailed(f"{_shown(url)} is not there (HTTP 404); check name and revision.", status=status)
        if status == 429 or status >= 500:
            wait = response.headers.get("retry-after", "")
            raise _Again(f"HTTP {status}", wait_s=float(wait) if wait.isdigit() else None)
        raise PullFailed(f"{_shown(url)} cannot be fetched: HTTP {status}.", status=status)


def _compare(url: str, part: Path, sha256: str, expected: Expected) -> None:
    if expected.sha256 and sha256 != expected.sha256:
        raise PullFailed(
            f"{_shown(url)} has SHA-256 {sha256[:12]}…, not {expected.sha256[:12]}…. It was deleted; nothing was "
            "changed.",
            sha256=sha256,
        )
    if expected.git_blob and _git_blob(part) != expected.git_blob:
        raise PullFailed(f"{_shown(url)} is not the file that the hub lists. It was deleted; nothing was changed.")


def _check_length(response: httpx.Response, have: int) -> None:
    length = response.headers.get("content-length", "")
    if length.isdigit() and have != int(length):
        raise _Again(f"{have:,} of {int(length):,} bytes came")


def _shown(url: str) -> str:
    """Return an address for messages, without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _git_blob(file: Path) -> str:
    digest = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    _update(digest, file)
    return digest.hexdigest()


def _update(digest: Any, file: Path) -> None:
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)


def _mark_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark_of(part).unlink(missing_ok=True)


def _read_mark(part: Path) -> str:
    try:
        return str(json.loads(_mark_of(part).read_text(encoding="utf-8"))["mark"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write_mark(part: Path, response: httpx.Response) -> None:
    """Remember which version this is. A weak ETag promises only similar bytes, so it is no mark for resuming."""
    etag = response.headers.get("etag", "")
    mark = etag if etag and not etag.startswith("W/") else response.headers.get("last-modified", "")
    _mark_of(part).write_text(json.dumps({"mark": mark}), encoding="utf-8")
