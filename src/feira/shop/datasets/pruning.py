"""Files of data sets that nobody needs any more; what they were made from stays written down."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from feira.settings import load_settings
from feira.shop.datasets.blobs import snapshot_store
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotFile, SnapshotTag
from feira.shop.jobs.models import UNFINISHED


def prune_what_is_old() -> int:
    """Prune the snapshots that nobody tagged, kept, asked for or fetched for `FEIRA_DATASET_KEEP_DAYS`."""
    before = timezone.now() - timedelta(days=load_settings().dataset_keep_days)
    waiting = DatasetRequest.objects.filter(snapshot=OuterRef("pk"), deliver_job__state__in=UNFINISHED)
    old = Snapshot.objects.filter(
        ~Exists(SnapshotTag.objects.filter(snapshot=OuterRef("pk"))),
        ~Exists(waiting),
        state=Snapshot.State.READY,
        keep=False,
        used_at__lt=before,
    )
    return sum(prune(snapshot) > 0 for snapshot in old.order_by("pk"))


def prune(snapshot: Snapshot) -> int:
    """Delete a snapshot's files and return how many; the rows go on telling what was in it.

    A build that begins meanwhile has a folder of its own and is not touched.
    """
    with transaction.atomic():
        ready = Snapshot.objects.select_for_update().filter(pk=snapshot.pk, state=Snapshot.State.READY).first()
        if ready is None:
            return 0
        pruned, _by_model = SnapshotFile.objects.filter(snapshot=ready).delete()
        ready.archives.all().delete()
        folder, ready.folder = ready.folder, ""
        ready.state, ready.pruned_at = Snapshot.State.PRUNED, timezone.now()
        ready.save(update_fields=["state", "pruned_at", "folder"])
        # The rows first: bytes without a row are harmless, a row without its bytes is a broken data set.
        transaction.on_commit(snapshot_store(folder).clear, robust=True)
    return pruned
