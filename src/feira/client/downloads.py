"""Files that come over the network: streamed to disk, and gone on with where they broke off."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from feira.client.errors import Busy, Expired, FeiraApiError, Unreachable
from feira.client.transport import Transport, pause_before

PATIENCE_S = 60.0

OnBytes = Callable[[int, int | None], None]
"""Told the bytes that are there, and how many there will be when that is known."""


def fetch(
    transport: Transport,
    address: Callable[[], str],
    target: Path,
    *,
    identity: str,
    on_bytes: OnBytes | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Bring what lies at an address into a file.

    On its way it lies beside the target as `NAME.IDENTITY.part`, and a later call goes on from there: what has the same
    identity has the same bytes. A server that cannot send a part sends everything again.

    Args:
        address: asked before the first attempt, and again when the link has expired.

    Raises:
        FeiraApiError: the shop refused, or sent nothing for `patience_s` seconds.
    """
    part = target.with_name(f"{target.name}.{identity[:16]}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    attempt, link, renewed = 0, address(), False
    last_news = time.monotonic()
    while True:
        before = _size(part)
        try:
            _receive(transport, link, part, on_bytes)
            part.replace(target)
            return
        except Expired:
            if renewed and _size(part) == before:
                raise
            link, renewed = address(), True
            continue
        except (httpx.TransportError, Busy) as error:
            trouble = error
        if _size(part) > before:
            attempt, last_news = 0, time.monotonic()
        attempt += 1
        if time.monotonic() - last_news > patience_s:
            raise _told(trouble, transport) from trouble
        pause_s = trouble.retry_after_s if isinstance(trouble, Busy) else 0.0
        time.sleep(pause_before(attempt, at_least_s=pause_s))


def _receive(transport: Transport, link: str, part: Path, on_bytes: OnBytes | None) -> None:
    """Append what is missing of a file; start it again when the server sends all of it."""
    there = _size(part)
    # A stored answer is measured in the bytes of the file, a compressed one is not.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        with transport.opened(link, headers) as response:
            there = there if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            total = _total(response, there)
            with part.open("ab" if there else "wb") as file:
                # As they come: pieces of a fixed size would be lost when the connection breaks within one.
                for piece in response.iter_raw():
                    there += file.write(piece)
                    if on_bytes:
                        on_bytes(there, total)
    except FeiraApiError as error:
        if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # Nothing is left to send, or it is shorter now and so not the same: the checksums tell which.


def _total(response: httpx.Response, there: int) -> int | None:
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
        return int(found[1]) if found else None
    length = response.headers.get("Content-Length", "")
    return there + int(length) if length.isdigit() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _told(trouble: httpx.TransportError | Busy, transport: Transport) -> FeiraApiError:
    return trouble if isinstance(trouble, Busy) else Unreachable(str(transport.root), str(trouble) or "it broke off")
