"""Dummy listings: as many as were asked for, of the kinds and prices asked for, each once whatever is killed."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from feira.core.datasets.drawn.plan import KINDS
from feira.shop.accounts.models import Seller
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, JobItem, State
from feira.shop.jobs.offered import BadOptions, form_of, get_service, links_of, start
from feira.shop.listings import drawing
from feira.shop.listings.models import Listing

pytestmark = pytest.mark.django_db
SERVICE = "create-dummy-listings"


def ask(plan: Any = None, **options: Any) -> Job:
    service = get_service(SERVICE)
    files = None if plan is None else {"plan": SimpleUploadedFile("plan.json", json.dumps(plan).encode())}
    return start(service, form_of(service, options, files), requested_by=None).job


def run(job: Job) -> Job:
    jobs.run_until_idle(queues=["imagery"])
    job.refresh_from_db()
    return job


def test_they_are_drawn_put_up_for_sale_and_led_to() -> None:
    job = run(ask(count=5, seed=3, categories=["mug", "hat"], lowest="10", highest="20", seller="Try-out"))
    assert (job.state, job.progress_done, job.progress_total) == (State.SUCCEEDED, 5, 5), job.error
    made = Listing.objects.order_by("reference")
    assert {listing.category.name for listing in made} == {KINDS[name].category[-1] for name in ("mug", "hat")}
    assert all(Decimal(10) <= listing.price <= Decimal(20) for listing in made)
    assert {listing.state for listing in made} == {Listing.State.LIVE}
    assert all(listing.listing_photos.exists() for listing in made)
    assert job.result == {"listings": 5, "seller": "try-out", "seed": 3}
    assert [link.url for link in links_of(job)] == ["/sellers/try-out/"]
    results = {item.name: item.result for item in JobItem.objects.filter(job=job)}
    assert results == {str(number): {"listing": listing.pk} for number, listing in enumerate(made)}


def test_a_file_says_how_many_of_which_at_which_price() -> None:
    job = run(ask({"mug": {"count": 2, "price": [5, 6]}, "vase": {"count": 1}}))
    assert job.payload["count"] == 3
    mugs = Listing.objects.filter(category__name=KINDS["mug"].category[-1])
    assert sorted(5 <= listing.price <= 6 for listing in mugs) == [True, True]
    assert Listing.objects.count() == 3


def test_a_killed_job_goes_on_with_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(count=20, seed=1)
    drawn: list[str] = []
    real = drawing.draw

    def draw(names: Any, **how: Any) -> Any:
        drawn.extend(names)
        if len(drawn) > drawing.AT_ONCE and job.pk not in failed:
            failed.add(job.pk)
            raise OSError("the disk is full")
        return real(names, **how)

    failed: set[int] = set()
    monkeypatch.setattr(drawing, "draw", draw)
    jobs.run_until_idle(queues=["imagery"])
    assert JobItem.objects.filter(job=job, state="done").count() == drawing.AT_ONCE
    Job.objects.filter(pk=job.pk).update(run_after=job.created_at)  # the wait before the next attempt is over
    assert run(job).state == State.SUCCEEDED
    # What the first attempt had finished was not drawn again.
    assert sorted(drawn[drawing.AT_ONCE * 2 :], key=int) == [str(number) for number in range(drawing.AT_ONCE, 20)]
    assert Listing.objects.count() == Listing.objects.values("reference").distinct().count() == 20


def test_the_same_seed_again_adds_nothing() -> None:
    run(ask(count=3, seed=7))
    before = set(Listing.objects.values_list("pk", flat=True))
    assert run(ask(count=4, seed=7)).state == State.SUCCEEDED
    after = set(Listing.objects.values_list("pk", flat=True))
    assert before < after
    assert len(after) == 4
    assert Seller.objects.filter(name="Feira demo").count() == 1


@pytest.mark.parametrize(
    ("options", "plan", "option"),
    [
        ({}, None, "count"),
        ({"count": 0}, None, "count"),
        ({"count": 20_001}, None, "count"),
        ({"count": "many"}, None, "count"),
        ({"count": 3, "categories": ["unicorn"]}, None, "categories"),
        ({"count": 3, "lowest": "5"}, None, "highest"),
        ({"count": 3, "lowest": "9", "highest": "5"}, None, "lowest"),
        ({"count": 3, "lowest": "-1", "highest": "5"}, None, "lowest"),
        ({"count": 3, "seller": ""}, None, "seller"),
        ({"count": 3, "seed": -1}, None, "seed"),
        ({"count": 3, "colour": "red"}, None, "__all__"),
        ({}, {"unicorn": {"count": 3}}, "plan"),
        ({}, {"mug": {"count": 30_000}}, "plan"),
        ({}, {}, "plan"),
        ({}, [1, 2], "plan"),
        ({"categories": ["mug"]}, {"mug": {"count": 3}}, "plan"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_option_and_nothing_is_asked_for(
    options: dict[str, Any], plan: Any, option: str
) -> None:
    with pytest.raises(BadOptions) as caught:
        ask(plan, **options)
    assert option in caught.value.facts["errors"], caught.value.facts["errors"]
    assert not Job.objects.exists()


def test_a_file_that_is_no_json_is_refused() -> None:
    service = get_service(SERVICE)
    form = form_of(service, {}, {"plan": SimpleUploadedFile("plan.json", b"\xff{")})
    assert "plan" in form.errors
