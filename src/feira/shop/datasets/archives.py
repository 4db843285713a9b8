"""A data set as one archive that is made while it is sent."""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

from feira.core.datasets.archive import ArchiveStream, Entry, TarStream, ZipStream
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import Snapshot
from feira.shop.datasets.selectors import files_of

FILES_AT_ONCE = 2_000


def archive_of(snapshot: Snapshot, *, archive: str, root: str) -> ArchiveStream:
    """Return the archive of all files in a folder `root`; nothing of it is in memory but a few thousand names."""
    kind = ZipStream if archive == "zip" else TarStream
    return kind(lambda: _entries(snapshot), root=root)


def archive_name(snapshot: Snapshot) -> str:
    """Return what the archive and the folder in it are called: the start of the hash."""
    return f"dataset-{(snapshot.content_hash or '')[:12]}"


def _entries(snapshot: Snapshot) -> Iterator[Entry]:
    store = snapshot_store(snapshot.folder)
    rows = files_of(snapshot).values_list("path", "sha256", "byte_size", "crc32")
    for path, sha256, byte_size, crc32 in rows.iterator(chunk_size=FILES_AT_ONCE):
        yield Entry(path, byte_size, crc32, partial(_opened, store, sha256))


def _opened(store: SnapshotStore, sha256: str) -> BinaryIO:
    return cast("BinaryIO", store.open(sha256))
