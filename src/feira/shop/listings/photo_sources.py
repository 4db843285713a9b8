"""Bytes of photos that an import record points to: a path, a web address, or what lies in the blob store already."""

from pathlib import Path

import httpx

from feira.core.errors import SourceError
from feira.settings import load_settings
from feira.shop.photos.blobs import blob_store

FETCH_TIMEOUT_S = 30.0
STORED = "blob:"
NOWHERE = "-"


def stored_photo(digest: str, name: str) -> str:
    """Return the reference to a photo in the blob store, ending in the name that it had."""
    return f"{STORED}{digest}/{name}"


def read_photo_bytes(reference: str) -> bytes:
    """Return the bytes behind a path, an http(s) address or a stored photo, never more than an upload may have.

    Raises:
        SourceError: there is nothing to read there, or it is too large.
    """
    most = load_settings().photo_max_bytes
    if reference.startswith(("http://", "https://")):
        return _fetch(reference, most)
    if reference.startswith(STORED):
        digest, _slash, name = reference.removeprefix(STORED).partition("/")
        try:
            return blob_store().get(digest)
        except FileNotFoundError:
            raise SourceError(f"{name} was not in the upload, or has more than {most} bytes.") from None
    path = Path(reference)
    try:
        if path.stat().st_size > most:
            raise SourceError(f"{path.name} has more than {most} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.") from error


def _fetch(url: str, most: int) -> bytes:
    try:
        with httpx.stream("GET", url, timeout=FETCH_TIMEOUT_S, follow_redirects=True) as response:
            response.raise_for_status()
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise SourceError(f"{url} has more than {most} bytes.")
            return b"".join(parts)
    except httpx.HTTPError as error:
        raise SourceError(f"{url} cannot be fetched: {error}.") from error
