"""Every listing's neighbours are kept up to date as photos come and go."""

from collections.abc import Callable
from itertools import permutations

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from feira.core.errors import EngineUnavailable
from feira.core.recommend.neighbours import MOST, pack, unpack
from feira.shop.feed import services
from feira.shop.feed.models import NeighbourList
from feira.shop.feed.selectors import similar_listings
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, JobItem
from feira.shop.jobs.offered import form_of, get_service, start
from feira.shop.listings.models import Listing
from feira.shop.listings.services import archive_listing, mark_sold, publish_listing
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Photo
from tests.factories import make_listing, make_seller

Three = tuple[Listing, Listing, Listing]

RED, DARK_RED, BLUE, GREEN = (200, 30, 30), (170, 30, 40), (30, 30, 200), (30, 170, 60)


def neighbours(listing: Listing) -> list[int]:
    return [other for other, _score in unpack(bytes(NeighbourList.objects.get(pk=listing.pk).packed))]


def all_lists() -> dict[int, bytes]:
    return {pk: bytes(packed) for pk, packed in NeighbourList.objects.values_list("pk", "packed")}


@pytest.fixture
def three(work_done: Callable[[], None]) -> Three:
    """Two red listings and a blue one, in the index and in each other's lists."""
    seller = make_seller()
    made = (
        make_listing(seller, title="Red", colour=RED, photo_count=2),
        make_listing(seller, title="Dark red", colour=DARK_RED),
        make_listing(seller, title="Blue", colour=BLUE),
    )
    work_done()
    return made


def test_what_looks_alike_comes_first_and_nobody_is_their_own_neighbour(three: Three) -> None:
    red, dark_red, blue = three
    assert neighbours(red) == [dark_red.pk, blue.pk]
    assert neighbours(dark_red) == [red.pk, blue.pk]
    assert sorted(neighbours(blue)) == sorted([red.pk, dark_red.pk])


def test_a_new_listing_enters_the_lists_of_its_neighbours(three: Three, work_done: Callable[[], None]) -> None:
    red, dark_red, _blue = three
    new = make_listing(title="Another red", colour=RED)
    work_done()
    assert neighbours(new)[:2] == [red.pk, dark_red.pk]
    assert neighbours(red)[0] == new.pk
    assert similar_listings(red.pk)[0]["id"] == new.pk


def test_adding_one_by_one_ends_where_a_rebuild_does(three: Three, work_done: Callable[[], None]) -> None:
    made = [*three, make_listing(title="Green", colour=GREEN)]
    work_done()
    grown = [neighbours(listing) for listing in made]
    steps: list[tuple[int, int]] = []
    assert services.rebuild_all_neighbours(lambda done, total: steps.append((done, total))) == 4
    assert [neighbours(listing) for listing in made] == grown
    assert steps == [(4, 4)]


def test_doing_it_again_changes_nothing(three: Three) -> None:
    before = all_lists()
    found = services.find_neighbours([listing.pk for listing in three])
    assert services.enter_neighbours(found) == 0
    assert all_lists() == before


def test_the_order_in_which_jobs_end_does_not_matter(three: Three) -> None:
    """Each answer below knows one listing only, as when three jobs run at once."""
    answers = [services.find_neighbours([listing.pk]) for listing in three]
    results = []
    for order in permutations(answers):
        NeighbourList.objects.all().delete()
        for found in order:
            services.enter_neighbours(found)
        results.append(all_lists())
    assert all(result == results[0] for result in results)


def test_an_answer_with_a_lower_score_takes_nothing_away(three: Three) -> None:
    red, dark_red, _blue = three
    before = all_lists()
    encoder_id = NeighbourList.objects.get(pk=red.pk).encoder_id
    weaker = services.Found(encoder_id, {red.pk: [(dark_red.pk, -0.5)]}, timezone.now())
    assert services.enter_neighbours(weaker) == 0
    assert all_lists() == before


def test_a_rebuild_keeps_what_entered_after_it_asked(three: Three) -> None:
    red, dark_red, blue = three
    asked = services.find_neighbours([red.pk])
    NeighbourList.objects.filter(pk=red.pk).delete()
    later = services.Found(asked.encoder_id, {red.pk: [(blue.pk, 0.99)]}, timezone.now())
    services.enter_neighbours(later)
    services.replace_neighbours(asked)
    assert neighbours(red) == [blue.pk, dark_red.pk]


def test_another_encoders_lists_are_shown_until_their_turn_comes(three: Three) -> None:
    red, dark_red, blue = three
    NeighbourList.objects.filter(pk=red.pk).update(encoder_id="another", packed=pack([(blue.pk, 0.9)]))
    services.enter_neighbours(services.find_neighbours([dark_red.pk]))
    assert neighbours(red) == [blue.pk]
    encoder_id = NeighbourList.objects.get(pk=blue.pk).encoder_id
    told: list[tuple[int, int]] = []
    assert services.follow_encoder(encoder_id, lambda done, total: told.append((done, total))) == 1
    assert neighbours(red) == [dark_red.pk, blue.pk]
    assert told == [(1, 1)]
    assert services.follow_encoder(encoder_id) == 0


def test_neighbours_are_found_anew_once_the_engine_has_switched(three: Three, work_done: Callable[[], None]) -> None:
    NeighbourList.objects.update(encoder_id="another")
    encoder_id = shop_engine().status().encoder_id
    jobs.announce("photos.encoder_switched", {"encoder_id": "one that never comes"})
    jobs.announce("photos.encoder_switched", {"encoder_id": encoder_id})
    work_done()
    waiting, done = Job.objects.filter(kind="feed.rebuild_neighbours").order_by("pk")
    assert (done.state, done.result) == ("succeeded", {"listings": 3})
    assert waiting.state == "waiting"
    assert set(NeighbourList.objects.values_list("encoder_id", flat=True)) == {encoder_id}


def test_a_sold_listing_leaves_every_list(three: Three, work_done: Callable[[], None]) -> None:
    red, dark_red, blue = three
    mark_sold(listing=dark_red)
    assert [card["id"] for card in similar_listings(red.pk)] == [blue.pk]
    work_done()
    assert neighbours(red) == [blue.pk]
    assert neighbours(blue) == [red.pk]
    assert not NeighbourList.objects.filter(pk=dark_red.pk).exists()


def test_a_listing_that_comes_back_is_a_neighbour_again(three: Three, work_done: Callable[[], None]) -> None:
    red, dark_red, _blue = three
    archive_listing(listing=dark_red)
    work_done()
    publish_listing(listing=Listing.objects.get(pk=dark_red.pk))
    work_done()
    assert neighbours(red)[0] == dark_red.pk
    assert neighbours(dark_red)[0] == red.pk


def test_a_list_that_became_too_short_is_filled_up_again(work_done: Callable[[], None]) -> None:
    """With more listings than a list holds, somebody waits outside each list."""
    seller = make_seller()
    made = [make_listing(seller, title=f"Red {n}", colour=(200, 30 + n, 30)) for n in range(MOST + 4)]
    work_done()
    leaving = [listing for listing in made[:16] if listing.pk != made[0].pk]
    first = made[0]
    assert len(neighbours(first)) == MOST
    for listing in leaving:
        archive_listing(listing=listing)
    work_done()
    stay = {listing.pk for listing in made} - {listing.pk for listing in leaving} - {first.pk}
    assert set(neighbours(first)) == stay
    assert len(similar_listings(first.pk)) == 12


def test_the_job_waits_for_an_engine_that_is_away(db: None) -> None:
    listing = make_listing(title="Red", colour=RED)
    photo_ids = list(listing.listing_photos.values_list("photo_id", flat=True))
    jobs.announce("photos.indexed", {"photo_ids": photo_ids, "seq": 1})
    jobs.run_until_idle()
    job = Job.objects.get(kind="feed.update_neighbours")
    assert job.state == "waiting"
    assert "EngineUnavailable" in job.error
    assert not NeighbourList.objects.exists()


def test_an_index_that_lags_behind_is_waited_for_and_then_given_up(
    three: Three, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "WAIT_FOR_INDEX_S", 0.05)
    with pytest.raises(EngineUnavailable, match="entry 1000000"):
        services.wait_for_index(1_000_000)


def test_similar_listings_cost_two_queries_whatever_there_is(
    three: Three, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert len(similar_listings(three[0].pk)) == 2
    with django_assert_num_queries(1):
        assert similar_listings(10**9) == []
    assert Photo.objects.count() == 4


def test_all_neighbours_are_found_anew_by_a_job_in_ranges(three: Three) -> None:
    before = {listing.pk: neighbours(listing) for listing in three}
    NeighbourList.objects.update(packed=b"")
    job = jobs.submit("feed.rebuild_all_neighbours")
    jobs.run_until_idle()
    job.refresh_from_db()
    assert job.result == {"listings": 3}, job.error
    assert {listing.pk: neighbours(listing) for listing in three} == before
    assert JobItem.objects.filter(job=job, state="done").count() == job.progress_total >= 1


def test_rebuilding_the_index_is_followed_by_the_neighbours(three: Three) -> None:
    service = get_service("rebuild-index")
    index = start(service, form_of(service, {}), requested_by=None).job
    neighbours_job = Job.objects.get(kind="feed.rebuild_all_neighbours")
    assert (neighbours_job.parent_id, neighbours_job.unmet) == (index.pk, 1)
    jobs.run_until_idle()
    assert set(Job.objects.filter(pk__in=[index.pk, neighbours_job.pk]).values_list("state", flat=True)) == {
        "succeeded"
    }
