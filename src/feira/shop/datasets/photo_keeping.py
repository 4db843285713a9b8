"""Photos of which a data set is being made are not let go."""

from collections.abc import Collection

from feira.shop.datasets.models import Snapshot, SnapshotRow
from feira.shop.photos.pruning import keeps_photos

UNFINISHED = (Snapshot.State.RESOLVING, Snapshot.State.BUILDING)


@keeps_photos
def photos_being_exported(photo_ids: Collection[int]) -> set[int]:
    """Return those of the photos that a data set under way is made from."""
    rows = SnapshotRow.objects.filter(snapshot__state__in=UNFINISHED, photo_id__in=photo_ids)
    return set(rows.values_list("photo_id", flat=True))
