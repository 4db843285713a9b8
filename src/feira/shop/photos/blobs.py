"""The blob store: bytes named by their SHA-256, in a folder or an S3 bucket."""

import hashlib
import os
from datetime import timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import IO
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils import timezone

from feira.core.errors import Misconfigured
from feira.settings import load_settings

try:
    from storages.backends.s3 import S3Storage
except ImportError:  # the extra `s3` is not installed
    S3Storage = None

RENEWED_AFTER = timedelta(hours=6)
KEPT_FROM_DELETION = timedelta(hours=12)


class BlobStore:
    """Keeps bytes under the digest of their content: putting the same bytes twice is harmless."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        name = self._name(digest)
        # Old bytes are written again, so that who deletes old ones sees that these are wanted.
        if not self._storage.exists(name) or self._is_older(name, RENEWED_AFTER):
            self._storage.save(name, ContentFile(content))
        return digest

    def delete_old(self, digest: str) -> bool:
        """Delete bytes that were put long ago; False when there are none, or they were put again lately.

        Who puts bytes and writes a row about them is safe for `KEPT_FROM_DELETION`, whatever else is deleted.
        """
        name = self._name(digest)
        try:
            if not self._is_older(name, KEPT_FROM_DELETION):
                return False
        except FileNotFoundError:
            return False
        self._storage.delete(name)
        return True

    def _is_older(self, name: str, age: timedelta) -> bool:
        return self._storage.get_modified_time(name) < timezone.now() - age

    def get(self, digest: str) -> bytes:
        """Return the bytes.

        Raises:
            FileNotFoundError: nothing is kept under this digest.
        """
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: str) -> IO[bytes]:
        """Open the bytes for reading; the caller closes."""
        return self._storage.open(self._name(digest), "rb")

    def exists(self, digest: str) -> bool:
        """Tell whether bytes are kept under this digest."""
        return self._storage.exists(self._name(digest))

    @staticmethod
    def _name(digest: str) -> str:
        # 256 folders: a second level would make 65,536, most of what storing a photo costs and 256 MB of empty folders.
        return f"{digest[:2]}/{digest}"


class _AtomicFiles(FileSystemStorage):
    """A folder in which a file is either whole or not there, whatever is killed while it is written."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002
        """Keep the name: two writers of one digest write the same bytes."""
        return name

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        path = Path(self.path(name))
        try:
            _write(path, content)
        except FileNotFoundError:
            # Folders are made when they turn out to be missing, which after a while they never are.
            path.parent.mkdir(parents=True, exist_ok=True)
            content.seek(0)
            _write(path, content)
        return name


def _write(path: Path, content: File) -> None:  # type: ignore[type-arg]
    part = path.with_name(f".part-{token_hex(8)}")
    # For the shop's own eyes: originals are private.
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def open_blob_store(url: str) -> BlobStore:
    """Return the store at an address such as `file:///var/blobs` or `s3://bucket/prefix?endpoint=http://host`.

    Raises:
        Misconfigured: the scheme is unknown, or the extra `s3` is missing.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return BlobStore(_AtomicFiles(location=Path(unquote(parts.path))))
    if parts.scheme == "s3":
        if S3Storage is None:
            raise Misconfigured("FEIRA_BLOB_URL names S3. Install the extra: pip install 'feira[s3]'.")
        endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
        return BlobStore(
            S3Storage(
                bucket_name=parts.netloc,
                location=parts.path.strip("/"),
                endpoint_url=endpoint,
                file_overwrite=True,
                default_acl=None,
            )
        )
    raise Misconfigured("FEIRA_BLOB_URL must start with file:/// or s3://.")


@cache
def blob_store() -> BlobStore:
    """Return the store named in the settings."""
    return open_blob_store(load_settings().resolved_blob_url())
