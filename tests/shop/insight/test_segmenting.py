"""Planted behaviours are found again; the old segments serve until the new ones are whole; who leaves is gone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.core.learning.partitions import adjusted_rand_index
from feira.shop.accounts.models import Account
from feira.shop.feed.models import Like
from feira.shop.feedback.models import Click, JudgedQuery, Judgement
from feira.shop.feedback.people import visitor_of_account
from feira.shop.insight import segmenting
from feira.shop.insight.customer_figures import FIGURES, STEPS, Customers, customers_of
from feira.shop.insight.models import Segment, Segmentation, SegmentMember
from feira.shop.insight.segment_jobs import segment_weekly
from feira.shop.insight.segment_words import rounded_price
from feira.shop.insight.segmenting import KEPT, TooFewCustomers, Wanted
from feira.shop.insight.segments_shown import is_weak, shown_segments
from feira.shop.jobs import running, services
from feira.shop.jobs.errors import LeaseLost
from feira.shop.jobs.models import Job, JobLine, State
from feira.shop.jobs.offered import BadOptions, form_of, get_service, start
from feira.shop.listings.models import Listing
from feira.shop.search.history import pause
from tests.factories import make_account, make_category, make_listing, make_seller, owner_of
from tests.shop.insight.planted import BAGS, LAMPS, SELLERS, plant_customers

pytestmark = pytest.mark.django_db
KIND = "insight.segment_customers"


def read(**how: Any) -> Customers:
    return customers_of(**{"now": timezone.now(), "currency": "EUR", "progress": lambda _done: None, **how})


def row_of(customers: Customers, account: Account) -> dict[str, float]:
    place = int(np.flatnonzero(customers.ids == account.pk)[0])
    return {figure.name: float(value) for figure, value in zip(FIGURES, customers.figures[place], strict=True)}


def result_of(job: Job) -> dict[str, Any]:
    assert isinstance(job.result, dict), job.error
    return job.result


def run_service(**options: Any) -> Job:
    """Ask for the service as people do, and do its job."""
    service = get_service("segment-customers")
    job = start(service, form_of(service, options), requested_by=None).job
    running.run(job.pk)
    job.refresh_from_db()
    return job


def members(number: int) -> set[int]:
    current = SegmentMember.objects.filter(segment__segmentation__is_current=True, segment__number=number)
    return set(current.values_list("account_id", flat=True))


# What is read


def test_figures_are_what_somebody_did() -> None:
    now = timezone.now()
    buyer, seller = make_account(date_joined=now - timedelta(days=365)), make_seller()
    shoes, hats = make_category("Clothing", "Shoes"), make_category("Clothing", "Hats")
    cheap = make_listing(price="10", category=shoes)
    middle, dear = (make_listing(cheap.seller, price=price, category=shoes) for price in ("20", "90"))
    hat = make_listing(cheap.seller, price="40", category=hats)
    foreign = make_listing(cheap.seller, price="7000", category=hats)
    Listing.objects.filter(pk=foreign.pk).update(currency="JPY")
    for listing, days in ((cheap, 9), (middle, 3)):
        Like.objects.create(account=buyer, listing=listing, created_at=now - timedelta(days=days))
    for listing in (dear, hat, foreign):
        visitor = visitor_of_account(buyer.pk)
        for _time in range(2):
            Click.objects.create(key="x", listing=listing, position=1, visitor=visitor, at=now - timedelta(days=5))
    Click.objects.create(key="x", listing=hat, position=1, visitor="f" * 32)
    Click.objects.create(key="x", listing=hat, position=1)
    query = JudgedQuery.objects.create(key="x", word_count=1)
    Judgement.objects.create(query=query, listing=hat, value=1, account=buyer, person="me", at=now - timedelta(days=8))
    Judgement.objects.create(query=query, listing=hat, value=1, person="guest")
    make_listing(seller, publish=False)
    sold = make_listing(seller)
    Listing.objects.filter(pk=sold.pk).update(state=Listing.State.SOLD)
    found = row_of(read(now=now), buyer)
    assert found == {
        "recency_days": pytest.approx(3, abs=0.01),
        "likes": 2,
        "likes_per_month": pytest.approx(2 / 12, rel=0.01),
        "clicks": 6,
        "judgements": 1,
        "published": 0,
        "sold": 0,
        "median_price": 30,
        "top_category_share": pytest.approx(3 / 5),
        "categories": 2,
        "account_age_days": pytest.approx(365, abs=0.01),
    }
    offering = row_of(read(now=now), owner_of(seller))
    assert (offering["published"], offering["sold"], offering["clicks"]) == (1, 1, 0)
    assert np.isnan(offering["median_price"])
    customers = read(now=now)
    assert customers.favourites[customers.ids == buyer.pk].tolist() == [shoes.pk]
    assert customers.favourites[customers.ids == owner_of(seller).pk].tolist() == [0]


def test_staff_and_closed_accounts_are_no_customers_and_who_paused_is_counted_without_what_they_opened() -> None:
    customer, paused = make_account(), make_account()
    make_account(is_staff=True)
    make_account(is_active=False)
    listing = make_listing()
    for account in (customer, paused):
        Click.objects.create(key="x", listing=listing, position=1, visitor=visitor_of_account(account.pk))
    pause(account=paused)
    customers = read()
    assert customers.ids.tolist() == [customer.pk, paused.pk, owner_of(listing.seller).pk]
    assert customers.column("clicks").tolist() == [1, 0, 0]


def test_figures_take_as_many_queries_however_many_customers_there_are() -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            read()
        return len(counted)

    make_account()
    few = cost()
    plant_customers()
    assert cost() == few == 8


def test_ranges_of_customers_and_batches_of_rows_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_customers(likers=9, lookers=8, sellers=3)
    now = timezone.now()
    whole = read(now=now)
    monkeypatch.setattr("feira.shop.insight.customer_figures._CUSTOMERS_PER_FILE", 7)
    monkeypatch.setattr("feira.shop.insight.customer_figures._AT_ONCE", 3)
    parts = read(now=now)
    assert np.array_equal(whole.figures, parts.figures, equal_nan=True)
    assert np.array_equal(whole.favourites, parts.favourites)
    assert np.isfinite(whole.column("median_price")).sum() == 17


def test_a_shop_without_customers_is_read_as_well() -> None:
    told: list[int] = []
    assert read(progress=told.append).figures.shape == (0, len(FIGURES))
    assert told[-1] == STEPS


# What is found


def test_planted_behaviours_are_found_again_and_told_in_words() -> None:
    people = plant_customers()
    job = run_service()
    assert job.state == State.SUCCEEDED, job.error
    assert job.result == {
        "customers": 54,
        "segments": 3,
        "silhouette": pytest.approx(0.7, abs=0.25),
        "stability": pytest.approx(1, abs=0.1),
    }
    truth = {account.pk: place for place, some in enumerate(people.values()) for account in some}
    rows = list(SegmentMember.objects.values_list("account_id", "segment__number"))
    given, planted = zip(*[(number, truth[account_id]) for account_id, number in rows], strict=True)
    assert len(rows) == 54
    assert adjusted_rand_index(np.array(given), np.array(planted)) > 0.9
    current = segmenting.current_segmentation()
    assert current is not None
    assert (current.job_id, current.customers, current.k) == (job.pk, 54, 3)
    assert not is_weak(current)
    shown = shown_segments(current)
    assert [each.size for each in shown] == [24, 18, 12]
    assert [each.title for each in shown] == [
        "Likes Bags under €17, was here this week",
        "Looks at Lamps over €220, away for 3 months",
        "Sells, and looks around little, was here this month",
    ]
    assert {trait.name for trait in shown[2].traits} >= {"sold", "published"}
    assert {trait.name for trait in shown[0].traits} >= {"likes", "account_age_days"}
    assert not {trait.name for trait in shown[2].traits} & {"top_category_share", "categories"}
    assert all(max(trait.bar, trait.overall_bar) == 100 for each in shown for trait in each.traits)


def test_the_same_customers_give_the_same_segments_again() -> None:
    plant_customers()
    run_service()
    before = [members(number) for number in (1, 2, 3)]
    figures = Segmentation.objects.values_list("silhouette", "stability").get(is_current=True)
    run_service()
    assert [members(number) for number in (1, 2, 3)] == before
    again = Segmentation.objects.values_list("silhouette", "stability").get(is_current=True)
    assert again == pytest.approx(figures, abs=1e-3)  # a second has passed, and recency with it


def test_a_number_of_segments_and_a_period_are_kept_to() -> None:
    people = plant_customers(likers=40, lookers=40)
    job = run_service(segments="4")
    assert result_of(job)["segments"] == 4
    assert job.payload == {"segments": 4, "active_days": None}
    job = run_service(active_days="30")
    assert result_of(job)["customers"] == 52
    assert members(1) | members(2) >= {account.pk for account in people[BAGS] + people[SELLERS]}
    assert not SegmentMember.objects.filter(segment__segmentation__is_current=True, account__in=people[LAMPS]).exists()


def test_members_are_written_in_an_order_that_says_nothing_about_accounts() -> None:
    plant_customers(likers=60)
    run_service()
    ids = list(SegmentMember.objects.order_by("pk").values_list("account_id", flat=True))
    assert ids != sorted(ids)
    first = list(Segment.objects.get(number=1).members.order_by("pk").values_list("account_id", flat=True))
    assert first != sorted(first)


# Too few


def test_too_few_customers_are_refused_with_how_many_are_needed() -> None:
    plant_customers(likers=10, lookers=5, sellers=2)
    with pytest.raises(TooFewCustomers, match=r"30 customers are needed, .* has 17") as caught:
        run_service()
    assert caught.value.facts == {"have": 17, "need": 30}
    plant_customers(likers=10, lookers=5, sellers=2, seed=1)
    with pytest.raises(TooFewCustomers, match=r"80 customers; the shop has 34\. Ask for fewer segments"):
        run_service(segments="8")
    assert not Job.objects.exists()


def test_too_few_active_customers_end_the_job_with_the_reason() -> None:
    plant_customers()
    job = run_service(active_days="5")
    assert job.state == State.FAILED
    assert job.attempts == 1
    assert "30 customers are needed; 24 did something within 5 days" in job.error
    assert not Segmentation.objects.exists()


@pytest.mark.parametrize(
    "options", [{"segments": "1"}, {"segments": "9"}, {"segments": "x"}, {"active_days": "0"}, {"active_days": "x"}]
)
def test_wrong_options_are_refused(options: dict[str, str]) -> None:
    plant_customers()
    with pytest.raises(BadOptions):
        run_service(**options)
    assert not Job.objects.exists()


def test_every_week_customers_are_parted_as_they_were_last_if_there_are_enough() -> None:
    segment_weekly()
    assert not Job.objects.exists()
    plant_customers(likers=30)
    run_service(segments="3", active_days="400")
    Job.objects.all().delete()
    segment_weekly()
    segment_weekly()
    assert Job.objects.get(kind=KIND).payload == {"segments": 3, "active_days": 400}


# What happens on the way


def test_the_old_segments_serve_until_the_new_ones_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_customers()
    run_service()
    current = Segmentation.objects.get()
    before = members(1)
    write = segmenting._write_members

    def die(*given: Any) -> None:
        write(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(segmenting, "_write_members", die)
        job = services.submit(KIND, {"segments": None, "active_days": None})
        with pytest.raises(KeyboardInterrupt):
            running.run(job.pk)
    assert segmenting.current_segmentation() == current
    assert members(1) == before
    assert Segmentation.objects.filter(finished_at__isnull=True).count() == 1
    # Once it is tried again, nothing is left of the attempt that died.
    Job.objects.filter(pk=job.pk).update(state=State.WAITING, run_after=timezone.now())
    assert running.run(job.pk) == State.SUCCEEDED
    assert not Segmentation.objects.filter(finished_at__isnull=True).exists()
    assert Segmentation.objects.get(is_current=True) != current
    assert members(1) == before


def test_a_cancelled_job_leaves_what_is_shown() -> None:
    plant_customers()
    run_service()
    current = Segmentation.objects.get()
    job = services.submit(KIND, {"segments": 2, "active_days": None})
    draft = segmenting.draft_segmentation(
        Wanted(2), job_id=job.pk, seed=0, progress=lambda _done, _total: None, log=lambda _text: None
    )
    services.cancel(job)

    def stopped(done: int, _total: int) -> None:
        if done > 50:
            raise LeaseLost(job.pk)

    with pytest.raises(LeaseLost):
        segmenting.draft_segmentation(Wanted(2), job_id=1, seed=0, progress=stopped, log=lambda _text: None)
    assert segmenting.current_segmentation() == current
    assert not Segmentation.objects.filter(pk=draft.pk).exists()


def test_the_database_has_one_current_segmentation_that_is_whole_and_each_member_once() -> None:
    plant_customers()
    run_service()
    member = SegmentMember.objects.select_related("segment").first()
    assert member is not None
    for wrong in (
        lambda: Segmentation.objects.create(is_current=True, finished_at=timezone.now()),
        lambda: Segmentation.objects.create(is_current=True),
        lambda: SegmentMember.objects.create(segment=member.segment, account=member.account),
    ):
        refused(wrong)


def refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        wrong()


def test_members_of_old_segments_go_and_of_runs_the_last_stay() -> None:
    plant_customers()
    for _run in range(KEPT + 3):
        Segmentation.objects.create(finished_at=timezone.now(), customers=7)
    run_service()
    first = Segmentation.objects.get(is_current=True)
    run_service()
    assert SegmentMember.objects.filter(segment__segmentation=first).count() == 54
    job = Job.objects.get(kind="insight.forget_segments")
    assert running.run(job.pk) == State.SUCCEEDED
    job.refresh_from_db()
    assert job.result == {"members": 54, "runs": 5}
    assert Segmentation.objects.count() == KEPT
    assert SegmentMember.objects.count() == 54
    assert first.segments.count() == 3


def test_who_deletes_their_account_is_in_no_segment_any_more() -> None:
    people = plant_customers()
    run_service()
    gone = people[BAGS][0]
    assert gone.pk in members(1)
    gone.delete()
    assert len(members(1)) == 23
    assert gone.pk not in members(1)


def test_a_name_stays_with_the_people_it_was_given_to() -> None:
    people = plant_customers()
    run_service()
    segmenting.rename(Segment.objects.get(number=2), "Light seekers")
    # Sellers become the largest segment, so that numbers change.
    plant_customers(likers=1, lookers=1, sellers=30, seed=1)
    run_service()
    kept = Segment.objects.get(segmentation__is_current=True, name="Light seekers")
    assert set(kept.members.values_list("account_id", flat=True)) >= {account.pk for account in people[LAMPS]}
    assert kept.number == 3
    # None of the people: the name goes.
    Account.objects.filter(pk__in=kept.members.values("account")).delete()
    run_service(segments="3")
    assert not Segment.objects.filter(segmentation__is_current=True).exclude(name="").exists()


def test_the_job_tells_how_far_it_is_and_what_it_found() -> None:
    plant_customers()
    told: list[tuple[int, int]] = []
    segmenting.draft_segmentation(
        Wanted(), job_id=None, seed=0, progress=lambda done, total: told.append((done, total)), log=lambda _text: None
    )
    assert told == sorted(told)
    assert {total for _done, total in told} == {100}
    job = run_service()
    lines = list(JobLine.objects.filter(job=job).values_list("text", flat=True))
    assert lines[0] == "54 customers were read."
    assert lines[1].startswith("Silhouettes by number of segments: 2: 0.")


@pytest.mark.parametrize(
    ("value", "said"), [(0, 0), (0.994, 0.99), (9.96, 10), (28.4, 28), (29.6, 30), (1049, 1000), (99_600, 100_000)]
)
def test_prices_are_told_with_two_digits(value: float, said: float) -> None:
    assert float(rounded_price(value)) == said
