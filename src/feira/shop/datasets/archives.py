"""A data set as one archive that is made while it is sent."""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final, cast

from feira.core.datasets.archive import ArchiveStream, Entry, TarStream, ZipStream
from feira.core.datasets.archive_plan import ArchivePlan, Kind, Planner
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import Snapshot, SnapshotArchive
from feira.shop.datasets.selectors import file_facts_from

ARCHIVES: Final[dict[Kind, type[ArchiveStream]]] = {"zip": ZipStream, "tar": TarStream}


def archive_of(snapshot: Snapshot, *, archive: Kind) -> ArchiveStream:
    """Return the archive of all files in a folder of its name; in memory are a few thousand names at most.

    One query tells its size and where everything lies.
    """
    kept = snapshot.archives.filter(archive=archive).first()
    if kept is None:
        # Finished by a version that kept no plans.
        plan_archives(snapshot)
        kept = snapshot.archives.get(archive=archive)
    plan = ArchivePlan.from_json(kept.plan)
    return ARCHIVES[archive](partial(_entries, snapshot), root=archive_name(snapshot), plan=plan)


def archive_name(snapshot: Snapshot) -> str:
    """Return what the archive and the folder in it are called: the start of the hash."""
    return f"dataset-{(snapshot.content_hash or '')[:12]}"


def plan_archives(snapshot: Snapshot) -> None:
    """Walk over all files once and keep where each of them will lie in every kind of archive."""
    planners = {kind: Planner(kind, root=f"{archive_name(snapshot)}/") for kind in ARCHIVES}
    for path, _sha256, byte_size, crc32 in file_facts_from(snapshot):
        for planner in planners.values():
            planner.add(path, byte_size, crc32)
    for kind, planner in planners.items():
        SnapshotArchive.objects.update_or_create(
            snapshot=snapshot, archive=kind, defaults={"plan": planner.plan.as_json()}
        )


def _entries(snapshot: Snapshot, first: str) -> Iterator[Entry]:
    store = snapshot_store(snapshot.folder)
    for path, sha256, byte_size, crc32 in file_facts_from(snapshot, first):
        yield Entry(path, byte_size, crc32, partial(_opened, store, sha256))


def _opened(store: SnapshotStore, sha256: str) -> BinaryIO:
    return cast("BinaryIO", store.open(sha256))
