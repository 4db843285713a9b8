"""Settings of taste are chosen by what people liked next, judged by others, and never by too few."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from feira.core.recommend.taste_settings import TasteSettings
from feira.shop.accounts.models import Account
from feira.shop.feed.finding_taste import live_settings
from feira.shop.feed.models import Like, Taste
from feira.shop.feed.taste_training import train_taste
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job, JobItem
from feira.shop.jobs.offered import form_of, get_service, start
from feira.shop.learning.models import LearnedPart
from feira.shop.listings.models import Listing
from tests.factories import make_account, make_listing

pytestmark = pytest.mark.django_db

PEOPLE = 48


@pytest.fixture
def stall(work_done: Callable[[], None]) -> tuple[list[Listing], list[Listing]]:
    reds = [make_listing(title=f"Red {n}", colour=(200 - 2 * n, 30, 30)) for n in range(8)]
    blues = [make_listing(title=f"Blue {n}", colour=(30, 30, 200 - 2 * n)) for n in range(8)]
    work_done()
    return reds, blues


@pytest.fixture
def changed_their_mind(stall: tuple[list[Listing], list[Listing]]) -> list[Account]:
    """People who liked four blue things long ago, and two red ones lately: what fades sooner foretells better."""
    reds, blues = stall
    people = [make_account() for _number in range(PEOPLE)]
    now = timezone.now()
    rows = []
    for number, account in enumerate(people):
        old = [(blues[(number + step) % 8], 40 + step) for step in range(4)]
        new = [(reds[number % 8], 1), (reds[(number + 3) % 8], 0)]
        rows += [
            Like(account=account, listing=listing, created_at=now - timedelta(days=days, seconds=number))
            for listing, days in (*old, *new)
        ]
    Like.objects.bulk_create(rows)
    return people


def retrain() -> dict[str, Any]:
    """Run the job and return its result."""
    jobs.submit("feed.retrain_taste", {"learn": True}, key="all")
    jobs.run_until_idle()
    job = Job.objects.filter(kind="feed.retrain_taste").latest("pk")
    assert job.state == "succeeded", job.error
    result: dict[str, Any] = job.result or {}
    return result


def test_with_too_few_people_nothing_is_learned_and_everybody_is_found_all_the_same(
    stall: tuple[list[Listing], list[Listing]],
) -> None:
    account = make_account()
    Like.objects.create(account=account, listing=stall[0][0])
    result = retrain()
    assert "10 of each are needed" in result["reason"]
    assert (result["serves"], result["version"], result["people"]) == (False, None, 1)
    assert not LearnedPart.objects.exists()
    assert Taste.objects.get(pk=account.pk).recommended


def test_people_who_changed_their_mind_have_it_fade_sooner(changed_their_mind: list[Account]) -> None:
    result = retrain()
    version, settings = live_settings()
    assert result["version"] == version == 1
    assert result["serves"] is True
    assert result["people"] == PEOPLE
    assert settings.half_life_days < TasteSettings().half_life_days
    assert set(Taste.objects.values_list("settings_version", flat=True)) == {1}
    part = LearnedPart.objects.get()
    assert part.report["mean_after"] > part.report["mean_before"]
    assert part.report["recall_at_10_after"] > part.report["recall_at_10_before"]
    assert part.report["queries"] == result["held_out"] >= 10
    assert result["held_out"] + result["learned_from"] == PEOPLE


def test_the_report_does_not_tell_who_liked_what(changed_their_mind: list[Account]) -> None:
    retrain()
    names = [row["query"] for row in LearnedPart.objects.get().report["per_query"]]
    assert names
    assert all(name.removeprefix("person ").isdigit() for name in names)
    assert max(int(name.removeprefix("person ")) for name in names) <= PEOPLE, "a place in a list, no account"


def test_learning_again_from_the_same_likes_changes_nothing(changed_their_mind: list[Account]) -> None:
    retrain()
    result = retrain()
    assert result["reason"] == "Nothing that was tried is better than what serves."
    assert LearnedPart.objects.count() == 1


def test_who_does_not_want_it_is_not_learned_from(changed_their_mind: list[Account]) -> None:
    assert min(train_taste().choosing, train_taste().judging) >= 10
    Account.objects.filter(pk__in=[account.pk for account in changed_their_mind[5:]]).update(taste=Account.Taste.OFF)
    trained = train_taste()
    assert trained.choosing + trained.judging == 5
    assert trained.chosen is None


def test_nobody_learns_twice_when_the_job_is_repeated(changed_their_mind: list[Account]) -> None:
    job = jobs.submit("feed.retrain_taste", {"learn": True}, key="all")
    JobItem.objects.create(
        job=job, name="settings", state="done", attempts=1, result={"serves": False, "version": None}
    )
    jobs.run_until_idle()
    job.refresh_from_db()
    assert (job.state, job.result) == ("succeeded", {"people": PEOPLE, "serves": False, "version": None})
    assert not LearnedPart.objects.exists()


def test_what_the_training_is_told_to_stop_for_stops_it(changed_their_mind: list[Account]) -> None:
    class Cancelled(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_taste(progress=stop)
    assert not LearnedPart.objects.exists()


def test_the_service_asks_for_it_once() -> None:
    service = get_service("retrain-taste")
    first, again = (start(service, form_of(service, {}), requested_by=None) for _time in range(2))
    assert (first.job.payload, first.is_new, again.is_new) == ({"learn": True}, True, False)
    first.job.delete()
    assert start(service, form_of(service, {"learn": False}), requested_by=None).job.payload == {"learn": False}


def test_only_those_who_decide_about_learned_parts_may_ask_for_it(browser_of: Callable[[Account], Client]) -> None:
    client = browser_of(make_account(is_staff=True))
    assert client.post("/api/v1/services/retrain-taste/").status_code == 403
    assert client.post(reverse("insight:service", args=["retrain-taste"])).status_code == 403
    assert not Job.objects.exists()
    boss = browser_of(make_account(is_staff=True, is_superuser=True))
    answer = boss.post("/api/v1/services/retrain-taste/", {"learn": False}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert Job.objects.get().payload == {"learn": False}


def test_the_page_of_the_learned_part_tells_its_settings(
    changed_their_mind: list[Account], browser_of: Callable[[Account], Client]
) -> None:
    retrain()
    client = browser_of(make_account(is_staff=True, is_superuser=True))
    text = client.get(reverse("insight:learned_part", args=[LearnedPart.objects.get().pk])).text
    assert "Taste" in text
    assert "half_life_days" in text
    assert "Person by person" in text
