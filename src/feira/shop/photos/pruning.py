"""Keeping the index log short, and letting photos go that nobody needs."""

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from feira.shop.photos.blobs import blob_store
from feira.shop.photos.models import IndexLogEntry, Photo

PRUNED_AT_ONCE = 5_000
PHOTOS_AT_ONCE = 200

# Called with numbers of photos; returns those of them that the app still needs.
Keeper = Callable[[Collection[int]], Iterable[int]]
# Called with digests; returns those whose bytes the app still needs.
BytesKeeper = Callable[[Collection[str]], Iterable[str]]
Progress = Callable[[int, int], None]

_keepers: list[Keeper] = []
_bytes_keepers: list[BytesKeeper] = []


def keeps_photos(keeper: Keeper) -> Keeper:
    """Ask this before photos are let go: photos know no listings, no searches, and nobody else who needs them."""
    if keeper not in _keepers:
        _keepers.append(keeper)
    return keeper


def keeps_bytes(keeper: BytesKeeper) -> BytesKeeper:
    """Ask this before bytes go that no photo has any longer: others may keep the same ones under the same name."""
    if keeper not in _bytes_keepers:
        _bytes_keepers.append(keeper)
    return keeper


def prune_photos(*, keep: timedelta, progress: Progress = lambda _done, _total: None) -> tuple[int, int]:
    """Delete photos older than `keep` that are in no index and that nobody needs, with their bytes.

    May be stopped at any moment and called again. Bytes go after their rows: what is stopped in between leaves bytes
    without a row, which are harmless.

    Returns:
        how many photos, and how many files of theirs that no other photo has.
    """
    old = Photo.objects.filter(searchable=False, created_at__lt=timezone.now() - keep).order_by("pk")
    total, after, looked_at, photos, files = old.count(), 0, 0, 0, 0
    while some := list(old.filter(pk__gt=after).only("pk", "digest", "renditions")[:PHOTOS_AT_ONCE]):
        after = some[-1].pk
        needed = {photo_id for keeper in _keepers for photo_id in keeper([photo.pk for photo in some])}
        gone = [photo for photo in some if photo.pk not in needed]
        with transaction.atomic():
            Photo.objects.filter(pk__in=[photo.pk for photo in gone]).delete()
        files += _delete_bytes(gone)
        photos += len(gone)
        looked_at += len(some)
        progress(looked_at, max(total, looked_at))
    return photos, files


def _delete_bytes(photos: Collection[Photo]) -> int:
    """Delete the bytes of photos whose rows are gone, unless another photo has the same."""
    digests = {digest for photo in photos for digest in _digests(photo.digest, photo.renditions)}
    if not digests:
        return 0
    # Two files with the same pixels are two originals with the same renditions, so that all photos are asked.
    for digest, renditions in Photo.objects.values_list("digest", "renditions").iterator(chunk_size=2000):
        digests.difference_update(_digests(digest, renditions))
    for keeper in _bytes_keepers:
        digests.difference_update(keeper(digests))
    store = blob_store()
    return sum(store.delete_old(digest) for digest in sorted(digests))


def _digests(original: str, renditions: dict[str, dict[str, str]]) -> list[str]:
    return [original, *(rendition["digest"] for rendition in renditions.values())]


def prune_index_log(*, upto: int, keep: timedelta) -> int:
    """Delete log entries up to `upto` that are older than `keep`, never the last; return how many.

    An engine that is further behind starts afresh from what is searchable, so nothing is lost but its time. Entries go
    in small transactions, oldest first, because the log must have no gaps at any moment.
    """
    ends = IndexLogEntry.objects.aggregate(first=Min("seq"), last=Max("seq"))
    old = IndexLogEntry.objects.filter(created_at__lt=timezone.now() - keep).aggregate(last=Max("seq"))["last"]
    if ends["last"] is None or old is None:
        return 0
    end = min(upto, ends["last"] - 1, old)
    deleted = 0
    for start in range(ends["first"], end + 1, PRUNED_AT_ONCE):
        some = IndexLogEntry.objects.filter(seq__gte=start, seq__lte=min(start + PRUNED_AT_ONCE - 1, end))
        deleted += some.delete()[0]
    return deleted
