"""The service that teaches the classifier, and the page that tells what came of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from rest_framework.test import APIClient

from feira.shop.accounts.models import Account
from feira.shop.accounts.services import issue_token
from feira.shop.datasets.models import Snapshot, SnapshotTag
from feira.shop.insight.classifier_jobs import KIND
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.offered import get_service
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.services import judge_candidate, propose
from tests.factories import make_account

pytestmark = pytest.mark.django_db
SignIn = Callable[[Account], Client]
ADDRESS = "/staff/insight/services/retrain-classifier/"
API = "/api/v1/services/retrain-classifier/"


def able(*codenames: str, **fields: Any) -> Account:
    person = make_account(**{"is_staff": True, **fields})
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Account.objects.get(pk=person.pk)


@pytest.fixture
def decider() -> Account:
    return able("view_job", "add_job", "view_learnedpart", "decide_learnedpart")


def api_of(account: Account | None) -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    if account is not None:
        _token, secret = issue_token(account=account, name="test")
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_who_may_not_decide_starts_nothing(browser_of: SignIn) -> None:
    assert Client().post(ADDRESS)["Location"].startswith("/account/login/")
    for account in (make_account(), make_account(is_staff=True), able("view_job", "add_job")):
        assert browser_of(account).post(ADDRESS, {"seed": 0}).status_code == 403
        assert api_of(account).post(API, {}, format="json").status_code == 403
    assert api_of(None).post(API, {}, format="json").status_code == 401
    assert not Job.objects.exists()


def test_it_is_asked_for_with_its_options_one_at_a_time(browser_of: SignIn, decider: Account) -> None:
    snapshot = Snapshot.objects.create(content_hash="cd" * 32, state=Snapshot.State.PRUNED)
    SnapshotTag.objects.create(name="gold", snapshot=snapshot)
    browser = browser_of(decider)
    assert "Retrain the classifier" in browser.get("/staff/insight/services/").content.decode()
    answer = browser.post(ADDRESS, {"heads": " category, brand ,category", "snapshot": "gold", "seed": 3})
    job = Job.objects.get(kind=KIND)
    assert answer["Location"].endswith(f"/jobs/{job.pk}/")
    assert job.payload == {"heads": ["category", "brand"], "snapshot_id": snapshot.pk, "seed": 3}
    assert job.requested_by == decider.pk
    assert api_of(decider).post(API, {"heads": "category"}, format="json").json()["id"] == job.pk
    assert Job.objects.filter(kind=KIND).count() == 1


@pytest.mark.parametrize(
    ("options", "named"), [({"snapshot": "no such"}, "snapshot"), ({"seed": -1}, "seed"), ({"speed": 1}, "speed")]
)
def test_bad_options_are_named_and_nothing_is_asked_for(
    options: dict[str, Any], named: str, browser_of: SignIn, decider: Account
) -> None:
    answer = api_of(decider).post(API, options, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert named in answer.content.decode()
    if named != "speed":
        page = browser_of(decider).post(ADDRESS, {"seed": 0, **options})
        assert page.context["form"].errors.keys() == {named}
    assert not Job.objects.exists()


def test_a_finished_run_leads_to_its_version_and_one_without_to_all() -> None:
    service = get_service("retrain-classifier")
    with_part = Job(kind=KIND, state=State.SUCCEEDED, result={"part": 7})
    assert [link.url for link in service.produced(with_part)] == ["/staff/insight/learned/7/"]
    without = Job(kind=KIND, state=State.SUCCEEDED, result={"part": None})
    assert [link.url for link in service.produced(without)] == ["/staff/insight/learned/"]


@pytest.fixture
def part() -> LearnedPart:
    made = propose(
        part="heads",
        about="eye@1",
        content=b"",
        made_from={"source": "catalogue"},
        report={
            "seconds": 1.5,
            "heads": {
                "brand": {"problem": "1 names with 8 listings or more to learn from, 3 listings held out"},
                "category": {
                    "classes": 2,
                    "listings": 80,
                    "compared_with": "kind",
                    "held_out": 20,
                    "before": 0.45,
                    "after": 0.9,
                    "confidence": 0.875,
                    "classes_told": [{"name": "<b>mugs</b>", "listings": 12, "before": 0.5, "after": 1.0}],
                    "confusions": [{"is": "hats", "taken_for": "mugs", "times": 2, "of": 8}],
                },
            },
        },
    )
    listings = [f"listing {number}" for number in range(20)]
    judge_candidate(
        made,
        live_per_query={name: float(number % 20 < 9) for number, name in enumerate(listings)},
        candidate_per_query={name: float(number % 20 < 18) for number, name in enumerate(listings)},
        metric="accuracy",
    )
    return made


def test_the_report_of_heads_tells_right_before_and_after_class_by_class(
    browser_of: SignIn, decider: Account, part: LearnedPart
) -> None:
    page = browser_of(decider).get(f"/staff/insight/learned/{part.pk}/").content.decode()
    assert (
        "On 20 held-out listings, 45.0 % of what is said first was right before, 90.0 % is with this version." in page
    )
    assert "9 listings got better, 0 worse, 11 stayed." in page
    assert "45.0 %" in page.split('id="heads"')[1]
    assert "87.5 %" in page
    assert "Stays as it is:" in page
    assert "2 of 8" in page
    assert "&lt;b&gt;mugs" in page
    assert "<b>mugs" not in page
    assert "Query by query" not in page
    portuguese = browser_of(decider).get(f"/staff/insight/learned/{part.pk}/", headers={"Accept-Language": "pt"})
    drawing = portuguese.content.decode().split('class="chart__pair"')[1].split("</svg>")[0]
    assert 'width="50.0"' in drawing
