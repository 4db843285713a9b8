"""Embeddings are recomputed range by range: only changes are written, and a repeated job does what is missing."""

from collections.abc import Callable

import numpy as np
import pytest

from feira.core.errors import EngineUnavailable
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, JobItem, State
from feira.shop.photos import recomputing
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Embedding, IndexLogEntry, Photo
from tests.factories import make_listing, make_seller


@pytest.fixture
def photos(work_done: Callable[[], None]) -> list[int]:
    """Three photos for sale, embedded and in the index."""
    seller = make_seller()
    for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200)):
        make_listing(seller, colour=colour)
    work_done()
    return list(Photo.objects.order_by("pk").values_list("pk", flat=True))


def recompute(*, only_missing: bool = False) -> Job:
    job = jobs.submit("photos.recompute", {"only_missing": only_missing})
    jobs.run_until_idle()
    job.refresh_from_db()
    return job


def damage(photo_id: int) -> bytes:
    """Give a photo the embedding of nothing; return what it was."""
    row = Embedding.objects.get(photo_id=photo_id)
    before = bytes(row.vector)
    wrong = np.zeros(len(before) // 2, dtype=np.float16)
    wrong[0] = 1
    Embedding.objects.filter(pk=row.pk).update(vector=wrong.tobytes())
    return before


def test_what_is_seen_differently_is_written_and_joins_the_index_anew(
    photos: list[int], work_done: Callable[[], None]
) -> None:
    before, entries = damage(photos[1]), IndexLogEntry.objects.count()
    job = recompute()
    assert job.state == State.SUCCEEDED, job.error
    assert job.result == {"photos": 3, "changed": 1, "unreadable": 0}
    assert bytes(Embedding.objects.get(photo_id=photos[1]).vector) == before
    added = IndexLogEntry.objects.order_by("seq").values_list("photo_id", flat=True)[entries:]
    assert list(added) == [photos[1]]
    work_done()
    assert shop_engine().verify().equal


def test_nothing_is_written_where_nothing_has_changed(photos: list[int]) -> None:
    entries = IndexLogEntry.objects.count()
    assert recompute().result == {"photos": 3, "changed": 0, "unreadable": 0}
    assert IndexLogEntry.objects.count() == entries


def test_only_missing_ones_are_looked_at_when_asked_so(photos: list[int]) -> None:
    damage(photos[0])
    Embedding.objects.filter(photo_id=photos[2]).delete()
    assert recompute(only_missing=True).result == {"photos": 1, "changed": 1, "unreadable": 0}


def test_a_repeated_job_does_what_is_missing(photos: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recomputing, "RANGE", 1)
    looked_at: list[str] = []
    real = recomputing.look_again

    def look_again(name: str, *, only_missing: bool) -> recomputing.SeenAgain:
        looked_at.append(name)
        if len(looked_at) == 2:
            raise EngineUnavailable("away for a moment")
        return real(name, only_missing=only_missing)

    monkeypatch.setattr(recomputing, "look_again", look_again)
    job = jobs.submit("photos.recompute", {"only_missing": False})
    jobs.run_until_idle()
    assert JobItem.objects.filter(job=job, state="done").count() == 1
    Job.objects.filter(pk=job.pk).update(run_after=job.created_at)
    jobs.run_until_idle()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert looked_at == [f"{photos[n]}-{photos[n]}" for n in (0, 1, 1, 2)]
    assert job.result == {"photos": 3, "changed": 0, "unreadable": 0}


def test_the_index_is_verified_and_rebuilt_through_the_engine(photos: list[int]) -> None:
    verify, rebuild = jobs.submit("photos.verify_index"), jobs.submit("photos.rebuild_index")
    jobs.run_until_idle()
    verify.refresh_from_db()
    rebuild.refresh_from_db()
    assert (verify.state, rebuild.state) == (State.SUCCEEDED, State.SUCCEEDED), verify.error + rebuild.error
    assert verify.result is not None
    assert (verify.result["equal"], verify.result["photos"]) == (True, 3)
    assert rebuild.result == {"engines": 1, "photos": 3}


def test_an_index_that_differs_fails_its_check_at_once_and_says_what_to_do(photos: list[int]) -> None:
    damage(photos[0])  # the row has changed without a word in the log
    job = jobs.submit("photos.verify_index")
    jobs.run_until_idle()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.FAILED, 1)
    assert "differs from its log in 1 photos. Rebuild" in job.error
