"""What several threads with a connection each do at the same moment: nothing is lost, nothing happens twice."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, transaction

from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Seller
from feira.shop.feed.models import Like
from feira.shop.feed.services import like, unlike
from feira.shop.jobs import registry
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.registry import job
from feira.shop.jobs.running import RunningJob
from feira.shop.listings import services as listings
from feira.shop.listings.imports import import_progress, start_import
from feira.shop.listings.models import Category, ImportRow, Listing
from feira.shop.listings.records import read_records
from feira.shop.photos import services as photos
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo
from tests.factories import make_account, make_listing, make_photo

pytestmark = pytest.mark.django_db(transaction=True)

ENCODER = "descriptors-v1"
# How long one side holds its transaction while the other one is to run into it.
HELD_S = 0.4


def at_once(*works: Callable[[], object]) -> list[object]:
    """Run each in a thread with a connection of its own, all from one start; return what they returned."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        try:
            gate.wait(10)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(60) for future in [pool.submit(run, work) for work in works]]


def while_held(hold: Callable[[], object], meet: Callable[[], object]) -> None:
    """Do `meet` in another thread while the transaction of `hold` is still open, then commit."""
    thread = threading.Thread(target=lambda: at_once(meet))
    with transaction.atomic():
        hold()
        thread.start()
        thread.join(HELD_S)
    thread.join(60)
    assert not thread.is_alive()


def embed(photo_ids: Sequence[int]) -> None:
    """Store what an encoder would have answered."""
    rows = np.full((len(photo_ids), 4), 0.5, np.float32)
    photos.store_embeddings(photo_ids, encoder_id=ENCODER, rows=rows)


def in_index() -> set[int]:
    """Return the photos that somebody who follows the whole log has."""
    last = {entry.photo_id: entry.op for entry in IndexLogEntry.objects.order_by("seq")}
    embedded = set(Embedding.objects.values_list("photo_id", flat=True))
    return {photo_id for photo_id, op in last.items() if op == IndexLogEntry.ADD} & embedded


def to_be_in_index() -> set[int]:
    """Return the photos that searches are to find."""
    found = Photo.objects.filter(searchable=True, embeddings__encoder_id=ENCODER)
    return set(found.values_list("pk", flat=True))


def assert_log_has_no_gaps() -> None:
    """The log counts from 1 to its head."""
    seqs = list(IndexLogEntry.objects.order_by("seq").values_list("seq", flat=True))
    head = IndexLogHead.objects.get().seq
    assert seqs == list(range(1, head + 1))


def draft() -> tuple[Listing, list[int]]:
    """Return a draft and its photos."""
    listing = make_listing(publish=False)
    return listing, list(listing.listing_photos.values_list("photo_id", flat=True))


@pytest.mark.parametrize("first", ["publish", "embed"])
def test_a_photo_published_while_it_is_embedded_joins_the_index(first: str) -> None:
    listing, photo_ids = draft()
    steps = [lambda: listings.publish_listing(listing=listing), lambda: embed(photo_ids)]
    while_held(*(steps if first == "publish" else steps[::-1]))
    assert in_index() == to_be_in_index() == set(photo_ids)


@pytest.mark.parametrize("first", ["archive", "embed"])
def test_a_photo_withdrawn_while_it_is_embedded_stays_out_of_the_index(first: str) -> None:
    listing, photo_ids = draft()
    listings.publish_listing(listing=listing)
    steps = [lambda: listings.archive_listing(listing=listing), lambda: embed(photo_ids)]
    while_held(*(steps if first == "archive" else steps[::-1]))
    assert in_index() == to_be_in_index() == set()


@pytest.mark.parametrize("first", ["archive", "publish"])
def test_the_index_ends_as_the_listing_does_when_it_is_published_and_archived_at_once(first: str) -> None:
    listing, photo_ids = draft()
    embed(photo_ids)
    if first == "archive":
        listings.publish_listing(listing=listing)
    steps = [lambda: listings.publish_listing(listing=listing), lambda: listings.archive_listing(listing=listing)]
    while_held(*(steps if first == "publish" else steps[::-1]))
    listing.refresh_from_db()
    assert listing.state == ("archived" if first == "publish" else "live")
    assert in_index() == to_be_in_index() == (set() if first == "publish" else set(photo_ids))


@pytest.mark.parametrize("seed", range(3))
def test_many_who_publish_archive_and_embed_leave_index_and_shop_in_agreement(seed: int) -> None:
    drafts = [draft() for _number in range(6)]

    def busy(own_seed: int) -> None:
        rng = random.Random(f"{seed}/{own_seed}")
        for _turn in range(12):
            listing, photo_ids = rng.choice(drafts)
            step = rng.choice(["publish", "archive", "sell", "embed", "embed"])
            try:
                if step == "publish":
                    listings.publish_listing(listing=listing)
                elif step == "archive":
                    listings.archive_listing(listing=listing)
                elif step == "sell":
                    listings.mark_sold(listing=listing)
                else:
                    embed(photo_ids)
            except listings.WrongState:
                continue

    at_once(*[lambda own_seed=own_seed: busy(own_seed) for own_seed in range(4)])
    live = Photo.objects.filter(placed__listing__state="live").values_list("pk", flat=True)
    assert set(Photo.objects.filter(searchable=True).values_list("pk", flat=True)) == set(live)
    assert in_index() == to_be_in_index()
    assert_log_has_no_gaps()


def test_writers_of_the_log_leave_no_gaps_and_followers_miss_nothing() -> None:
    taken = [make_photo(colour=(number, 90, 40)) for number in range(12)]
    ids = [photo.pk for photo in taken]
    followed: list[int] = []
    writing = threading.Event()
    writing.set()

    def write(own: list[int]) -> None:
        for turn in range(10):
            with transaction.atomic():
                photos.append_to_index_log(IndexLogEntry.ADD if turn % 2 else IndexLogEntry.REMOVE, own)

    def follow() -> None:
        while writing.is_set() or IndexLogEntry.objects.filter(seq__gt=len(followed)).exists():
            page = IndexLogEntry.objects.filter(seq__gt=followed[-1] if followed else 0).order_by("seq")
            followed.extend(page.values_list("seq", flat=True))

    def all_write() -> None:
        try:
            at_once(*[lambda own=ids[start : start + 3]: write(own) for start in range(0, 12, 3)])
        finally:
            writing.clear()

    at_once(all_write, follow)
    assert followed == list(range(1, 4 * 10 * 3 + 1))
    assert_log_has_no_gaps()


def test_likes_at_the_same_moment_are_one_like() -> None:
    account, listing = make_account(), make_listing()
    at_once(*[lambda: like(account=account, listing=listing)] * 6)
    assert Like.objects.count() == 1
    at_once(*[lambda: unlike(account=account, listing=listing)] * 3)
    assert Like.objects.count() == 0


def test_a_file_sent_several_times_at_once_is_kept_whole() -> None:
    account, content = make_account(), photo_bytes((9, 80, 70), (300, 200))
    at_once(*[lambda: photos.take_photo(content=content, owner=account)] * 4)
    assert Photo.objects.count() == 4
    (digest,) = set(Photo.objects.values_list("digest", flat=True))
    assert blob_store().get(digest) == content


def test_a_source_imported_by_several_at_once_is_imported_once(tmp_path: Path) -> None:
    for number in range(40):
        file = tmp_path / ("Hats" if number % 2 else "Shoes") / f"{number:02}.jpg"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(photo_bytes((number * 6, 90, 200 - number), (40, 50)))

    def import_it() -> None:
        records = [type(record)(record.key, {**record.fields, "price": "5"}) for record in read_records(tmp_path)]
        start_import(source=str(tmp_path), records=records, seller_name="Twice")
        jobs.run_until_idle(queues=["imagery"])

    at_once(*[import_it] * 3)
    run = ImportRow.objects.select_related("run").first().run  # type: ignore[union-attr]
    progress = import_progress(run)
    assert (progress.total, progress.done, run.total) == (40, 40, 40)
    assert Listing.objects.count() == Photo.objects.count() == 40
    assert Counter(Photo.objects.values_list("digest", flat=True)).most_common(1)[0][1] == 1
    assert len(set(ImportRow.objects.values_list("listing_id", flat=True))) == 40
    assert Seller.objects.count() == 1
    assert set(Category.objects.values_list("name", flat=True)) == {"Hats", "Shoes"}
    assert not Job.objects.filter(kind="listings.import_rows").exclude(state="succeeded").exists()


def test_each_job_is_run_by_one_of_many_who_look() -> None:
    ran: list[int] = []
    with registry.restored():

        @job("tests.noted")
        def noted(job: RunningJob) -> None:
            with job.committing():
                ran.append(job.id)

        submitted = [jobs.submit("tests.noted").pk for _number in range(40)]
        attempts = at_once(*[lambda: jobs.run_until_idle(queues=["default"])] * 4)
    assert sorted(ran) == submitted
    assert sum(int(str(made)) for made in attempts) == len(submitted)
    assert set(Job.objects.values_list("state", "attempts")) == {("succeeded", 1)}
