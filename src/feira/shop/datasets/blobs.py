"""Where files of snapshots are kept: a store for each build, so that who prunes never meets who builds."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from tempfile import TemporaryFile

from django.core.files.base import ContentFile, File

from feira.settings import load_settings
from feira.shop.photos.blobs import BlobStore, open_blob_store


class SnapshotStore(BlobStore):
    """The bytes of one build of a snapshot, under their digests."""

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256 in hex.

        It is not asked first whether they are there, which is another request to a bucket: a build makes each once.
        """
        digest = hashlib.sha256(content).hexdigest()
        self._storage.save(self._name(digest), ContentFile(content))
        return digest

    def put_chunks(self, chunks: Iterable[bytes]) -> str:
        """Keep bytes that are too many for memory and return their SHA-256 in hex; they wait in a temporary file."""
        digest = hashlib.sha256()
        with TemporaryFile() as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            name = self._name(digest.hexdigest())
            if not self._storage.exists(name):
                file.seek(0)
                self._storage.save(name, File(file))
        return digest.hexdigest()

    def clear(self) -> int:
        """Delete everything in the store and return how many files that were."""
        deleted = 0
        with suppress(FileNotFoundError):
            for folder in self._storage.listdir("")[0]:
                for name in self._storage.listdir(folder)[1]:
                    self._storage.delete(f"{folder}/{name}")
                    deleted += 1
                # Folders of a bucket are names only; deleting one that is not there does nothing.
                self._storage.delete(folder)
        return deleted


@lru_cache(maxsize=64)
def snapshot_store(folder: str) -> SnapshotStore:
    """Return the store of a build, by `Snapshot.folder`."""
    address, mark, query = load_settings().resolved_datasets_url().partition("?")
    opened = open_blob_store(f"{address.rstrip('/')}/{folder}{mark}{query}")
    return SnapshotStore(opened._storage)  # noqa: SLF001 - the same kind of store, with more to it
