"""Photos taken, embedded, made searchable, withdrawn."""

from collections.abc import Callable

import numpy as np
import pytest

from feira.core.errors import EngineUnavailable, InvalidImage
from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account
from feira.shop.jobs.models import Job
from feira.shop.photos import services
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo
from feira.shop.photos.vectors import vectors_of
from tests.factories import make_photo


def test_an_unreadable_file_is_refused_and_leaves_no_trace(account: Account) -> None:
    with pytest.raises(InvalidImage) as caught:
        services.take_photo(content=b"not a photo", owner=account)
    assert caught.value.code == "invalid_image"
    assert not Photo.objects.exists()
    assert not Job.objects.exists()


def test_a_taken_photo_keeps_its_original_and_renditions(account: Account) -> None:
    content = photo_bytes(size=(600, 800))
    photo = services.take_photo(content=content, owner=account)
    assert blob_store().get(photo.digest) == content
    assert {name: (r["width"], r["height"]) for name, r in photo.renditions.items()} == {
        "thumb": (180, 240),
        "card": (360, 480),
        "full": (600, 800),
    }
    for rendition in photo.renditions.values():
        assert blob_store().get(rendition["digest"]).startswith(b"RIFF")


def test_a_photo_is_private_and_unsearchable_until_it_is_made_so(account: Account) -> None:
    photo = make_photo(account)
    assert not photo.is_public
    assert not photo.searchable
    assert not IndexLogEntry.objects.exists()


def test_an_embedding_waits_for_the_engine_and_stores_nothing_meanwhile(account: Account) -> None:
    photo = make_photo(account)
    with pytest.raises(EngineUnavailable):
        services.embed_photos([photo.pk])
    assert not Embedding.objects.exists()


@pytest.mark.parametrize("public_first", [True, False])
def test_a_photo_joins_the_index_once_public_and_embedded_in_either_order(
    work_done: Callable[[], None], account: Account, public_first: bool
) -> None:
    photo = make_photo(account)
    if public_first:
        services.make_searchable([photo.pk])
    services.embed_photos([photo.pk])
    services.make_searchable([photo.pk])
    work_done()
    assert list(IndexLogEntry.objects.values_list("seq", "op", "photo_id")) == [(1, IndexLogEntry.ADD, photo.pk)]
    _encoder_id, rows = vectors_of([photo])
    assert [hit.photo_id for hit in shop_engine().search(rows, 5)[0]] == [photo.pk]


def test_a_withdrawn_photo_leaves_the_index_and_is_hidden(work_done: Callable[[], None], account: Account) -> None:
    photo = make_photo(account)
    services.make_searchable([photo.pk])
    work_done()
    services.withdraw([photo.pk], hide=True)
    work_done()
    photo.refresh_from_db()
    assert not photo.is_public
    assert shop_engine().status().photos == 0


def test_embedding_twice_changes_nothing(work_done: Callable[[], None], account: Account) -> None:
    photo = make_photo(account)
    work_done()
    assert services.embed_photos([photo.pk]) == 0
    assert Embedding.objects.count() == 1


def test_vectors_of_a_waiting_photo_equal_those_stored_later(work_done: Callable[[], None], account: Account) -> None:
    photo = make_photo(account)
    encoder_id, before = vectors_of([photo])
    work_done()
    stored_encoder_id, after = vectors_of([photo])
    assert encoder_id == stored_encoder_id
    assert np.allclose(before, after, atol=1e-3)


def test_a_new_encoder_gets_to_see_what_is_searchable(work_done: Callable[[], None], account: Account) -> None:
    photo, private = make_photo(account), make_photo(account)
    services.make_searchable([photo.pk])
    work_done()
    Embedding.objects.update(encoder_id="the encoder before")
    assert services.embed_what_is_missing() == 1
    assert services.embed_what_is_missing() == 0, "the first request is still under way"
    work_done()
    now = shop_engine().status().encoder_id
    assert list(Embedding.objects.filter(encoder_id=now).values_list("photo_id", flat=True)) == [photo.pk]
    assert Embedding.objects.filter(photo=private).get().encoder_id == "the encoder before"


@pytest.mark.django_db
def test_without_an_engine_nothing_is_asked_for(account: Account) -> None:
    services.make_searchable([make_photo(account).pk])
    Job.objects.all().delete()
    assert services.embed_what_is_missing() == 0
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_the_index_log_has_no_gaps(account: Account) -> None:
    first = services.append_to_index_log(IndexLogEntry.ADD, [5, 6, 7])
    second = services.append_to_index_log(IndexLogEntry.REMOVE, [6])
    assert (first, second) == (3, 4)
    assert list(IndexLogEntry.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4]
    assert IndexLogHead.objects.get().seq == 4
