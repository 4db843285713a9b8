"""The index log is shortened without gaps, and photos go that nobody needs, with the bytes that no other photo has."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from feira.core.testing.photos import photo_bytes
from feira.settings import load_settings
from feira.shop.datasets.models import Snapshot, SnapshotRow
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.photos import tasks
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.models import IndexLogEntry, Photo
from feira.shop.photos.pruning import prune_index_log, prune_photos
from feira.shop.photos.tasks import prune_old_photos
from feira.shop.search.query import SearchQuery
from feira.shop.search.saved import save_search
from feira.shop.search.selectors import PhotoNotFound, Searcher, query_photo
from feira.shop.search.services import take_query_photo
from tests.factories import make_account, make_listing, make_photo

pytestmark = pytest.mark.django_db


def a_log(count: int, *, old: int) -> None:
    """Write entries, the first `old` of which are two days old."""
    now = timezone.now()
    IndexLogEntry.objects.bulk_create(
        [
            IndexLogEntry(seq=seq, op=1, photo_id=seq, created_at=now - timedelta(days=2 if seq <= old else 0))
            for seq in range(1, count + 1)
        ]
    )


def left() -> list[int]:
    return list(IndexLogEntry.objects.order_by("seq").values_list("seq", flat=True))


@pytest.mark.parametrize(
    ("upto", "old", "first_left"),
    [(6, 8, 7), (8, 6, 7), (10, 10, 10), (99, 10, 10), (0, 10, 1), (9, 0, 1)],
)
def test_entries_go_that_are_old_and_in_every_snapshot_but_never_the_last(
    upto: int, old: int, first_left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feira.shop.photos.pruning.PRUNED_AT_ONCE", 4)
    a_log(10, old=old)
    assert prune_index_log(upto=upto, keep=timedelta(days=1)) == first_left - 1
    assert left() == list(range(first_left, 11))
    assert prune_index_log(upto=upto, keep=timedelta(days=1)) == 0


def test_an_empty_log_has_nothing_to_lose() -> None:
    assert prune_index_log(upto=5, keep=timedelta()) == 0


LONG_AGO = timedelta(days=40)
MONTH = timedelta(days=30)


def aged(photo: Photo) -> Photo:
    """Let a photo and its bytes be forty days old."""
    Photo.objects.filter(pk=photo.pk).update(created_at=timezone.now() - LONG_AGO)
    at = (timezone.now() - LONG_AGO).timestamp()
    for digest in digests(photo):
        os.utime(path_of(digest), (at, at))
    return photo


def digests(photo: Photo) -> list[str]:
    return [photo.digest, *(rendition["digest"] for rendition in photo.renditions.values())]


def path_of(digest: str) -> Path:
    root = Path(load_settings().resolved_blob_url().removeprefix("file://"))
    return root / digest[:2] / digest


def test_old_photos_that_nobody_needs_go_with_their_bytes() -> None:
    loose, young = aged(make_photo(colour=(1, 90, 200))), make_photo(colour=(90, 1, 200))
    on_listing = make_listing(colour=(90, 200, 1)).listing_photos.get().photo
    aged(on_listing)
    draft = make_listing(colour=(9, 9, 9), publish=False).listing_photos.get().photo
    aged(draft)
    told: list[tuple[int, int]] = []
    photos, files = prune_photos(keep=MONTH, progress=lambda done, total: told.append((done, total)))
    assert (photos, files) == (1, len(set(digests(loose))))
    assert set(Photo.objects.values_list("pk", flat=True)) == {young.pk, on_listing.pk, draft.pk}
    assert not any(blob_store().exists(digest) for digest in digests(loose))
    assert all(blob_store().exists(digest) for photo in (young, on_listing, draft) for digest in digests(photo))
    assert told[-1] == (2, 2)
    assert prune_photos(keep=MONTH) == (0, 0)


def test_photos_of_saved_searches_stay() -> None:
    account = make_account()
    kept = aged(make_photo(account, colour=(7, 70, 170)))
    save_search(account=account, query=SearchQuery(photo_id=kept.pk))
    assert prune_photos(keep=MONTH) == (0, 0)
    assert Photo.objects.filter(pk=kept.pk).exists()


def test_photos_of_a_data_set_under_way_stay() -> None:
    photo = aged(make_photo(colour=(5, 50, 150)))
    snapshot = Snapshot.objects.create(state=Snapshot.State.BUILDING, content_hash="1" * 64)
    SnapshotRow.objects.create(
        snapshot=snapshot, position=0, key="a", listing_id=1, photo_id=photo.pk, source=photo.digest, digest="0" * 64
    )
    assert prune_photos(keep=MONTH) == (0, 0)
    Snapshot.objects.update(state=Snapshot.State.PRUNED)
    assert prune_photos(keep=MONTH)[0] == 1


def test_bytes_that_another_photo_has_stay() -> None:
    old = aged(make_photo(colour=(8, 80, 180)))
    twin = make_photo(colour=(8, 80, 180))
    for digest in digests(old):
        os.utime(path_of(digest), ((timezone.now() - LONG_AGO).timestamp(),) * 2)
    assert prune_photos(keep=MONTH) == (1, 0)
    assert all(blob_store().exists(digest) for digest in digests(twin))


def test_bytes_that_were_put_again_lately_stay_even_before_their_row_is_there() -> None:
    old = aged(make_photo(colour=(6, 60, 160)))
    content = blob_store().get(old.digest)
    blob_store().put(content)  # somebody else is about to write a row about the same bytes
    photos, files = prune_photos(keep=MONTH)
    assert photos == 1
    assert blob_store().exists(old.digest)
    assert files == len(set(digests(old)) - {old.digest})


def test_photos_that_were_searched_with_go_by_themselves_after_the_days_of_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    visitor = AnonymousUser()
    old, young = (
        take_query_photo(content=photo_bytes(colour=colour), visitor=visitor) for colour in ((3, 90, 90), (90, 3, 90))
    )
    aged(old)

    def settings_say(days: int) -> None:
        changed = load_settings().model_copy(update={"photo_keep_days": days})
        monkeypatch.setattr(tasks, "load_settings", lambda: changed)

    settings_say(0)
    prune_old_photos()
    assert not Job.objects.filter(kind="photos.prune").exists(), "0 keeps them for ever"
    for days, left_over in ((41, {old.pk, young.pk}), (39, {young.pk})):
        settings_say(days)
        prune_old_photos()
        prune_old_photos()
        assert Job.objects.filter(kind="photos.prune", state=State.WAITING).count() == 1, "asked for once"
        jobs.run_until_idle(["default"])
        assert set(Photo.objects.values_list("pk", flat=True)) == left_over
    with pytest.raises(PhotoNotFound):
        query_photo(SearchQuery(photo_id=old.pk), Searcher(visitor, [old.pk]))


@pytest.mark.django_db(transaction=True)
def test_the_index_log_is_pruned_by_a_job(work_done: Callable[[], None]) -> None:
    for number in range(3):
        make_listing(colour=(10 * number, 60, 160))
    work_done()
    IndexLogEntry.objects.update(created_at=timezone.now() - LONG_AGO)
    job = jobs.submit("photos.prune_index_log", {"keep_days": 30})
    jobs.run_until_idle()
    job.refresh_from_db()
    assert (job.state, job.result) == (State.SUCCEEDED, {"entries": 2}), job.error
    assert IndexLogEntry.objects.count() == 1
