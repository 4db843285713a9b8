"""A shop changes its encoder while it is open: backfill, dual writing, comparison, switch, and the way back."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from feira.core.errors import EngineUnavailable, Refused
from feira.engine.service import Engine
from feira.shop.accounts.models import Account
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.jobs.models import State as JobState
from feira.shop.photos import backfill, comparison, services, swap, tasks
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo, ServedEncoder
from feira.shop.photos.roster import roster
from tests.engine.conftest import until
from tests.factories import make_photo

OLD, NEW = "histogram-64", "brightness"
State = ServedEncoder.State


def run_jobs() -> None:
    """Run every job, those included that wait for their next attempt."""
    for _round in range(20):
        Job.objects.filter(state=JobState.WAITING).update(run_after=timezone.now() - timedelta(seconds=1))
        if not jobs.run_until_idle():
            return


def make_photos(account: Account, count: int) -> list[Photo]:
    photos = [make_photo(account, colour=(30 + 9 * n, 40, 200 - 7 * n)) for n in range(count)]
    services.make_searchable([photo.pk for photo in photos])
    run_jobs()
    return photos


def seen_by(encoder_id: str) -> set[int]:
    return set(Embedding.objects.filter(encoder_id=encoder_id).values_list("photo_id", flat=True))


def caught_up(encoder_id: str) -> bool:
    head = IndexLogHead.objects.get().seq
    return shop_engine().wait_for(head, 5.0, encoder_id=encoder_id)


def is_served(encoder_id: str) -> bool:
    return any(one.encoder_id == encoder_id and one.ready for one in shop_engine().status().encoders)


def test_a_new_encoder_sees_every_photo_is_compared_and_takes_over(swapping_engine: Engine, account: Account) -> None:
    photos = make_photos(account, 15)
    row = swap.begin(NEW, NEW)
    assert (row.state, row.total) == (State.BACKFILLING, 15)
    until(lambda: is_served(NEW))
    run_jobs()
    now = roster()
    assert (now.live and now.live.encoder_id, now.previous and now.previous.encoder_id) == (NEW, OLD)
    assert now.candidate is None
    row.refresh_from_db()
    assert (row.done, row.total) == (15, 15)
    assert row.report["photos"]["sample"] == 15
    assert 0 < row.report["photos"]["overlap_at_10"] <= 1
    until(lambda: shop_engine().status().encoder_id == NEW)
    assert seen_by(NEW) == seen_by(OLD) == {photo.pk for photo in photos}
    assert shop_engine().status().photos == 15
    job = Job.objects.get(kind="photos.backfill")
    assert (job.state, job.progress_total) == (JobState.SUCCEEDED, 15)


def test_the_way_back_is_one_step_and_knows_what_came_meanwhile(swapping_engine: Engine, account: Account) -> None:
    make_photos(account, 3)
    swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))
    run_jobs()
    until(lambda: shop_engine().status().encoder_id == NEW)
    (came_meanwhile,) = make_photos(account, 1)
    assert caught_up(OLD)
    assert swap.roll_back().encoder_id == OLD
    until(lambda: shop_engine().status().encoder_id == OLD)
    assert shop_engine().status().photos == 4
    assert came_meanwhile.pk in seen_by(OLD)
    assert swap.roll_back().encoder_id == NEW, "the way back leads forward as well"


def test_a_photo_that_comes_during_the_backfill_is_seen_by_both(swapping_engine: Engine, account: Account) -> None:
    make_photos(account, 2)
    swap.begin(NEW, NEW)
    swap.pause()
    until(lambda: is_served(NEW))
    (photo,) = make_photos(account, 1)
    assert seen_by(NEW) == {photo.pk}
    # The live encoder's neighbours are looked for once, not once more for the second encoder.
    assert Job.objects.filter(kind="feed.update_neighbours", payload__photo_ids=[photo.pk]).count() == 1


def test_a_photo_is_taken_although_the_second_encoder_cannot_be_loaded(
    swapping_engine: Engine, account: Account
) -> None:
    (swapping_engine.config.models_dir / "altered").write_text(NEW)
    swap.begin(NEW, NEW)
    until(lambda: shop_engine().status().refused)
    (photo,) = make_photos(account, 1)
    assert (seen_by(OLD), seen_by(NEW)) == ({photo.pk}, set())
    candidate = roster().candidate
    assert candidate is not None
    assert candidate.state == State.BACKFILLING
    assert "was altered" in candidate.note
    (swapping_engine.config.models_dir / "altered").unlink()
    until(lambda: is_served(NEW))
    run_jobs()
    assert seen_by(NEW) == {photo.pk}


def test_a_backfill_is_paused_and_goes_on_where_it_stopped(
    swapping_engine: Engine, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photos(account, 7)
    monkeypatch.setattr(backfill, "BATCH", 2)
    row = swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))

    def pause_after_the_second(done: int, _total: int, _message: str) -> None:
        if done == 4:
            swap.pause()

    assert backfill.run_backfill(row, pause_after_the_second) == State.PAUSED
    assert len(seen_by(NEW)) == 4
    run_jobs()
    assert len(seen_by(NEW)) == 4, "a paused encoder is shown nothing"
    with pytest.raises(Refused, match="is paused"):
        swap.switch()
    told: list[int] = []
    row = swap.resume()
    backfill.run_backfill(row, lambda done, _total, _message: told.append(done))
    assert told[:2] == [6, 7]
    assert len(seen_by(NEW)) == 7


def test_an_encoder_that_asks_waits_for_a_person(swapping_engine: Engine, account: Account) -> None:
    make_photos(account, 2)
    swap.begin(NEW, NEW, asks=True)
    until(lambda: is_served(NEW))
    run_jobs()
    candidate = roster().candidate
    assert candidate is not None
    assert (candidate.state, candidate.note) == (State.READY, "`feira model switch` lets it take over.")
    assert shop_engine().status().encoder_id == OLD
    # What it misses while it waits, it is shown as the live one would be.
    Embedding.objects.filter(encoder_id=NEW).first().delete()  # type: ignore[union-attr]
    assert services.embed_what_is_missing() == 1
    run_jobs()
    assert len(seen_by(NEW)) == 2
    swap.switch()
    until(lambda: shop_engine().status().encoder_id == NEW)


def test_an_encoder_that_answers_worse_waits_for_a_person(
    swapping_engine: Engine, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(comparison._parts, "judged", lambda _live, _candidate: {"worse": True})
    make_photos(account, 2)
    swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))
    run_jobs()
    candidate = roster().candidate
    assert candidate is not None
    assert candidate.state == State.READY
    assert "answers worse" in candidate.note


def test_a_photo_that_cannot_be_read_does_not_hold_up_the_others(swapping_engine: Engine, account: Account) -> None:
    # Colours of their own: equal bytes are kept once, and other tests want theirs whole.
    broken, gone, fine = (make_photo(account, colour=(1, 2, n)) for n in range(3))
    services.make_searchable([broken.pk, gone.pk, fine.pk])
    run_jobs()
    store = blob_store()
    for rendition in broken.renditions.values():
        Path(store._storage.path(store._name(rendition["digest"]))).write_bytes(b"not a photo")
    Path(store._storage.path(store._name(gone.renditions["thumb"]["digest"]))).unlink()
    swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))
    run_jobs()
    live = roster().live
    assert live is not None
    assert (live.encoder_id, live.note) == (NEW, "2 photos cannot be read.")
    assert seen_by(NEW) == {fine.pk}
    Embedding.objects.all().delete()
    assert services.embed_photos([broken.pk, gone.pk, fine.pk]) == 1


def test_what_was_called_off_or_let_go_is_forgotten(swapping_engine: Engine, account: Account) -> None:
    make_photos(account, 3)
    swap.begin(NEW, NEW, asks=True)
    until(lambda: is_served(NEW))
    run_jobs()
    swap.cancel()
    run_jobs()
    assert seen_by(NEW) == set()
    until(lambda: not is_served(NEW))
    swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))
    run_jobs()
    swap.drop_previous()
    run_jobs()
    assert (len(seen_by(NEW)), seen_by(OLD)) == (3, set())
    with pytest.raises(Refused, match="no encoder to go back to"):
        swap.roll_back()


def test_what_is_wanted_again_is_not_forgotten(live: ServedEncoder, account: Account) -> None:
    services.store_embeddings([make_photo(account).pk], encoder_id=OLD, rows=np.eye(1, 2))
    assert backfill.forget_embeddings(OLD, lambda *_: None) == 0
    assert len(seen_by(OLD)) == 1


def test_one_encoder_at_a_time_is_on_its_way(live: ServedEncoder) -> None:
    with pytest.raises(Refused, match="live already"):
        swap.begin(OLD, OLD)
    swap.begin(NEW, NEW)
    with pytest.raises(Refused, match="swap cancel"):
        swap.begin("named-colours", "named-colours")
    assert ServedEncoder.objects.count() == 2


@pytest.mark.parametrize(
    "verb", [swap.pause, swap.resume, swap.cancel, swap.switch, swap.roll_back, swap.drop_previous]
)
def test_nothing_is_moved_that_is_not_there(live: ServedEncoder, verb: object) -> None:
    with pytest.raises(Refused):
        verb()  # type: ignore[operator]
    assert list(ServedEncoder.objects.values_list("name", "state")) == [(OLD, State.LIVE)]


@pytest.mark.django_db
def test_a_shop_that_has_never_chosen_is_asked_to_migrate() -> None:
    with pytest.raises(Refused, match="feira migrate"):
        swap.begin(NEW, NEW)


def test_nothing_is_switched_to_that_an_engine_does_not_hold(swapping_engine: Engine) -> None:
    (swapping_engine.config.models_dir / "altered").write_text(NEW)
    row = swap.begin(NEW, NEW)
    assert swap.mark_ready(row, report={}, note="")
    until(lambda: shop_engine().status().refused)
    with pytest.raises(EngineUnavailable, match="was altered"):
        swap.switch()
    now = roster()
    assert (now.live and now.live.name, now.candidate and now.candidate.name) == (OLD, NEW)


def test_an_upgrade_that_brings_other_weights_is_settled(live: ServedEncoder) -> None:
    assert swap.settle(OLD, OLD).pk == live.pk
    fresh = swap.settle(OLD, "histogram-64@2")
    live.refresh_from_db()
    assert (live.state, fresh.state) == (State.RETIRED, State.LIVE)
    assert Job.objects.filter(kind="feed.rebuild_neighbours").exists()


def test_a_backfill_without_a_job_gets_one(live: ServedEncoder) -> None:
    swap.begin(NEW, NEW)
    Job.objects.all().delete()
    tasks.keep_backfill_going()
    tasks.keep_backfill_going()
    assert Job.objects.filter(kind="photos.backfill").count() == 1


def test_the_second_encoder_joins_the_log_without_announcing(live: ServedEncoder, account: Account) -> None:
    photo = make_photo(account)
    services.make_searchable([photo.pk])
    Job.objects.all().delete()
    services.store_embeddings([photo.pk], encoder_id=NEW, rows=np.eye(1, 3), announce=False)
    assert list(IndexLogEntry.objects.values_list("op", "photo_id")) == [(IndexLogEntry.ADD, photo.pk)]
    assert not Job.objects.exists()
