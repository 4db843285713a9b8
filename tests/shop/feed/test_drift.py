"""Lists of neighbours that are no longer what a search would find are found anew, some at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from feira.core.recommend.neighbours import pack, unpack
from feira.shop.feed import drift, drift_jobs, services
from feira.shop.feed.models import NeighbourList
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.periodic import recurring_named
from feira.shop.listings.models import Listing
from feira.shop.listings.services import archive_listing
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import IndexLogEntry
from tests.factories import make_listing, make_seller

COLOURS = [(200, 30, 30), (170, 30, 40), (30, 30, 200), (30, 170, 60)]


@pytest.fixture
def four(work_done: Callable[[], None]) -> list[Listing]:
    """Four listings in each other's lists, since which nothing has changed."""
    seller = make_seller()
    made = [make_listing(seller, title=f"No. {place}", colour=colour) for place, colour in enumerate(COLOURS)]
    work_done()
    at(timezone.now(), *made)
    return made


def at(moment: datetime, *listings: Listing) -> None:
    NeighbourList.objects.filter(listing__in=listings).update(updated_at=moment)


def shorten(listing: Listing, *left: Listing) -> None:
    packed = pack([(other.pk, 0.1) for other in left])
    NeighbourList.objects.filter(pk=listing.pk).update(packed=packed)


def ids(listing: Listing) -> list[int]:
    return [other for other, _score in unpack(bytes(NeighbourList.objects.get(pk=listing.pk).packed))]


def live_encoder() -> str:
    return shop_engine().status().encoder_id


def change_something(times: int = 1) -> None:
    """Let the index change, without telling the lists."""
    last = IndexLogEntry.objects.latest("seq")
    for number in range(1, times + 1):
        IndexLogEntry.objects.create(seq=last.seq + number, op=IndexLogEntry.ADD, photo_id=last.photo_id)


def test_a_list_since_which_nothing_has_changed_has_not_drifted(four: list[Listing]) -> None:
    shorten(four[0])
    assert drift.drifted_lists(live_encoder()) == drift.Drifted([], looked_at=4, after=0)


def test_who_missed_more_and_whose_list_is_shorter_comes_first(four: list[Listing]) -> None:
    now = timezone.now()
    old, full, short, fresh = four
    at(now - timedelta(days=2), old)
    for listing in (full, short):
        at(now - timedelta(microseconds=1), listing)
    shorten(short, old)
    change_something(3)
    at(timezone.now(), fresh)
    assert list(drift.drifted_lists(live_encoder()).listing_ids) == [old.pk, short.pk, full.pk]


def test_lists_of_what_is_not_live_or_by_another_encoder_are_left_alone(four: list[Listing]) -> None:
    change_something()
    sold, other, *rest = four
    Listing.objects.filter(pk=sold.pk).update(state=Listing.State.SOLD)
    NeighbourList.objects.filter(pk=other.pk).update(encoder_id="another")
    assert set(drift.drifted_lists(live_encoder()).listing_ids) == {listing.pk for listing in rest}


def test_a_pass_looks_at_so_many_and_the_next_goes_on_behind_them(
    four: list[Listing], monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(drift, "LOOKED_AT", 3)
    monkeypatch.setattr(drift, "REFRESHED", 2)
    change_something()
    encoder_id = live_encoder()
    with django_assert_num_queries(2):
        first = drift.drifted_lists(encoder_id)
    assert (len(first.listing_ids), first.looked_at, first.after) == (2, 3, four[2].pk)
    rest = drift.drifted_lists(encoder_id, after=first.after)
    assert (list(rest.listing_ids), rest.looked_at, rest.after) == ([four[3].pk], 1, 0)


def test_drifted_lists_become_what_a_rebuild_makes_them_and_the_changed_ones_are_counted(
    four: list[Listing], work_done: Callable[[], None]
) -> None:
    services.rebuild_all_neighbours()
    right = {listing.pk: ids(listing) for listing in four}
    shorten(four[0], four[2])
    shorten(four[3])
    change_something()
    entry = recurring_named("feed.refresh_drifted")
    assert entry is not None
    entry.run()
    entry.run()
    work_done()
    job = Job.objects.get(kind=drift_jobs.REFRESH)
    assert (job.state, job.result) == (State.SUCCEEDED, {"lists": 4, "changed": 2, "looked_at": 4, "after": 0})
    assert {listing.pk: ids(listing) for listing in four} == right
    assert not drift.drifted_lists(live_encoder()).listing_ids


def test_the_next_pass_begins_where_the_last_one_ended(four: list[Listing], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "LOOKED_AT", 3)
    for _pass in range(3):
        drift_jobs.refresh_drifted()
        jobs.run_until_idle()
    begun = Job.objects.filter(kind=drift_jobs.REFRESH).order_by("pk").values_list("payload", flat=True)
    assert [payload["after"] for payload in begun] == [0, four[2].pk, 0]


def test_a_listing_that_was_taken_down_meanwhile_gets_no_list_again(
    four: list[Listing], work_done: Callable[[], None]
) -> None:
    gone = four[1]
    wanted = [listing.pk for listing in four]
    found = services.find_neighbours(wanted)
    archive_listing(listing=gone)
    work_done()
    drift.keep_refreshed(wanted, found)
    assert not NeighbourList.objects.filter(pk=gone.pk).exists()


def test_a_listing_of_which_nothing_is_known_is_asked_about_once_per_change(four: list[Listing]) -> None:
    change_something()
    wanted = drift.drifted_lists(live_encoder()).listing_ids
    nothing = services.Found(live_encoder(), {}, timezone.now())
    before = [ids(listing) for listing in four]
    assert drift.keep_refreshed(wanted, nothing) == 0
    assert [ids(listing) for listing in four] == before
    assert not drift.drifted_lists(live_encoder()).listing_ids
    change_something()
    assert len(drift.drifted_lists(live_encoder()).listing_ids) == 4
