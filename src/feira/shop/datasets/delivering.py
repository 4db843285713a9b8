"""A data set on its way to a folder or a bucket: file by file, each checked, going on where it was stopped."""

from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

from django.utils import timezone
from django.utils.translation import gettext as _

from feira.core.datasets.layout import MANIFEST
from feira.core.errors import FeiraError
from feira.shop.datasets.archives import archive_name
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotFile
from feira.shop.datasets.selectors import files_of
from feira.shop.datasets.targets import FolderTarget, target_at
from feira.shop.datasets.uploading import BucketKeeper, FolderKeeper, Keeper
from feira.shop.jobs.running import RunningJob

BATCH_FILES = 100
AT_ONCE = 4
# A manifest says that a data set is whole, so it goes last.
LAST = "manifest"


class TargetRefused(FeiraError):
    """The settings do not allow the target any more, or the data set has no files."""

    code = "dataset_target_refused"
    http_status = 409


def deliver(job: RunningJob, request: DatasetRequest) -> None:
    """Copy every file below the target, into a folder named by the data set's hash.

    Items are batches of files: another attempt copies only what is missing. Manifests go last.

    Raises:
        TargetRefused: nothing may be delivered there.
        OSError: the target does not take the files; what is there stays there.
        LeaseLost: the job was cancelled or taken over.
    """
    target, snapshot = target_at(request.target), request.snapshot
    if target is None or snapshot is None or snapshot.state != Snapshot.State.READY:
        raise TargetRefused(_("Nothing may be delivered there any more, or the data set was pruned. Ask for it again."))
    files = files_of(snapshot).exclude(path__endswith=MANIFEST)
    numbers = list(files.values_list("pk", flat=True))
    job.items.plan([*(f"{start:08}" for start in range(0, len(numbers), BATCH_FILES)), LAST])
    keeper = FolderKeeper(target.folder) if isinstance(target, FolderTarget) else BucketKeeper(target)
    root = archive_name(snapshot)
    for name in job.items.todo():
        counts = job.items.counts()
        if name == LAST and counts.total - counts.done > 1:
            break
        if name == LAST:
            batch = snapshot.files.filter(path__endswith=MANIFEST)
        else:
            batch = snapshot.files.filter(pk__in=numbers[int(name) : int(name) + BATCH_FILES])
        _copy(list(batch), snapshot_store(snapshot.folder), keeper, root)
        job.items.finish(name)
    job.items.require_done()
    with job.committing() as result:
        DatasetRequest.objects.filter(pk=request.pk).update(delivered_at=timezone.now())
        result.update(files=len(numbers) + 1, bytes=snapshot.byte_size, target=request.target, folder=root)


def _copy(files: list[SnapshotFile], store: SnapshotStore, keeper: Keeper, root: str) -> None:
    """Copy some files, several at once; raises what the first failure was, when the others have come to their end."""

    def copy(file: SnapshotFile) -> None:
        path = f"{root}/{file.path}"
        if not keeper.has(path, file.byte_size, file.sha256):
            with cast("BinaryIO", store.open(file.sha256)) as content:
                keeper.put(path, content, file.byte_size, file.sha256)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as threads:
        for done in [threads.submit(copy, file) for file in files]:
            done.result()
