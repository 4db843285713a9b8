"""The three calls of the ML team's scripts: feedback from anyone, figures for the team alone."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.feedback.models import Judgement, SearchLog
from feira.shop.feedback.people import Person
from feira.shop.feedback.selectors import signal_for
from feira.shop.feedback.services import judge, record_click, record_search
from feira.shop.feedback.statistics import KEYS_AT_ONCE
from feira.shop.listings.models import Listing
from tests.factories import make_account, make_listing
from tests.shop.feedback.conftest import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cats() -> list[Listing]:
    first, second, third = (
        make_listing(title=title, category=None) for title in ("Cat on a bench", "Cat in the park", "Dog")
    )
    Listing.objects.filter(pk=second.pk).update(reference="stickers/cats/park-cat.png", picture_name="park-cat")
    return [first, second, third]


def send(entries: Any, account: Account | None = None) -> Any:
    return client_of(account).post("/api/feedback/", {"feedback": entries}, format="json")


def test_anyone_gives_feedback_by_names_and_numbers_and_it_counts_at_once(cats: list[Listing]) -> None:
    bench, park, dog = cats
    answer = send([{"query": "cat in a park", "positive": ["park-cat", bench.pk], "negative": ["dog"]}])
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 3
    told = signal_for("a cat in park")
    assert told[park.pk] > 0
    assert told[bench.pk] > 0
    assert told[dog.pk] < 0


@pytest.mark.parametrize(
    "name",
    ["Cat in the park", "cat IN the park", "park-cat", "park-cat.png", "stickers/cats/park-cat.png", "x/park-cat.webp"],
)
def test_a_listing_answers_to_all_of_its_names(cats: list[Listing], name: str) -> None:
    assert send([{"query": "cat", "positive": [name]}]).json()["accepted"] == 1
    assert Judgement.objects.get().listing_id == cats[1].pk


def test_what_cannot_be_used_is_reported_and_the_rest_kept(cats: list[Listing]) -> None:
    twin = make_listing(title="dog")
    hidden = make_listing(title="Secret cat", publish=False)
    answer = send(
        [
            {
                "query": "cat",
                "positive": [cats[0].pk, "no such cat", "Secret cat", hidden.pk, 2**70],
                "negative": ["Dog"],
            },
            {"query": "cat", "positive": [cats[1].pk], "negative": [cats[1].pk, cats[0].pk]},
            {"query": "  ", "positive": [cats[0].pk]},
            {"query": "!?", "positive": [cats[0].pk]},
            {"query": "x" * 500, "positive": [cats[0].pk]},
            {"query": "cat", "positive": "Dog"},
            {"query": "cat", "positive": [True]},
            {"query": "cat", "positive": ["a"] * 101},
            {"query": "cat"},
            "cat",
        ]
    )
    assert answer.status_code == 200
    first, second, *rest = answer.json()["results"]
    assert first["accepted"] == 1
    assert first["unknown"] == ["no such cat", "Secret cat", hidden.pk, 2**70]
    assert first["ambiguous"] == [{"name": "Dog", "ids": sorted([cats[2].pk, twin.pk])}]
    assert second["contradictory"] == [cats[1].pk]
    assert second["accepted"] == 1
    assert all(each["accepted"] == 0 and each["problem"] for each in rest)
    assert Judgement.objects.get().value == -1  # the later entry replaced the earlier one


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": "cat"}, {"feedback": [{}] * 101}, []])
def test_what_is_no_set_of_feedback_is_refused_as_a_whole(body: Any) -> None:
    answer = client_of(None).post("/api/feedback/", body, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_set_that_names_too_many_listings_is_kept_up_to_there(cats: list[Listing]) -> None:
    entry = {"query": "cat", "positive": [cats[0].pk] * 100, "negative": ["dog"] * 100}
    results = send([entry] * 12).json()["results"]
    assert [bool(each["problem"]) for each in results] == [False] * 10 + [True] * 2


def test_feedback_is_throttled() -> None:
    client = client_of(None)
    answers = [client.post("/api/feedback/", {"feedback": ["?"]}, format="json").status_code for _number in range(61)]
    assert answers[-2:] == [200, 429]


def test_an_unknown_token_is_refused_although_guests_may(cats: list[Listing]) -> None:
    client = client_of(None)
    client.credentials(HTTP_AUTHORIZATION="Bearer feira_wrong")
    assert client.post("/api/feedback/", {"feedback": []}, format="json").status_code == 401


@pytest.fixture
def history(cats: list[Listing]) -> None:
    """Three searches for cats with two clicks, one for nothing; two people judge."""
    ada, bob = (Person(None, name, f"home of {name}") for name in ("ada", "bob"))
    bench, park, dog = (listing.pk for listing in cats)
    for shown, first in (([bench, park], 1), ([park, bench], 1), ([dog], 25)):
        record_search(key="cat", text="Cat", listing_ids=shown, total=30, took_ms=5, person=ada, first_position=first)
    record_search(key="unicorn", text="unicorn", listing_ids=[], total=0, took_ms=3, person=bob)
    record_click(key="cat", listing_id=park, position=2, person=ada)
    record_click(key="cat", listing_id=park, position=1, person=bob)
    for person, right, wrong in ((ada, park, dog), (bob, park, bench)):
        for listing_id, value in ((right, 1), (wrong, -1)):
            judge(key="cat", text="Cat", listing_id=listing_id, value=value, person=person)


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


@pytest.mark.usefixtures("history")
def test_figures_per_query_and_listing_with_position_bias_noted(analyst: Account, cats: list[Listing]) -> None:
    answer = client_of(analyst).get("/api/analytics/?query=cat")
    body = json.loads(content_of(answer))
    (query,) = body["queries"]
    assert (query["searches"], query["clicked"], query["positive"], query["negative"]) == (2, 2, 2, 2)
    bench, park, dog = query["listings"]
    assert park == {
        "listing_id": cats[1].pk,
        "title": "Cat in the park",
        "positive": 2,
        "negative": 0,
        "agreement": 1.0,
        "shown": 2,
        "clicked": 2,
        "mean_position": 1.5,
        "ctr": 1.0,
        "examined": pytest.approx(1 + 1 / 1.58496, abs=1e-4),
        "weighted_ctr": pytest.approx(2 / (1 + 1 / 1.58496), abs=1e-4),
    }
    assert (dog["mean_position"], dog["ctr"], dog["agreement"]) == (25, 0, 1.0)
    assert bench["negative"] == 1
    assert "1/log2(place + 1)" in body["note"]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("asked", "accepted"), [("?format=csv", "*/*"), ("", "text/csv")])
def test_all_queries_as_csv(analyst: Account, asked: str, accepted: str) -> None:
    answer = client_of(analyst).get(f"/api/analytics/{asked}", headers={"Accept": accepted})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(content_of(answer).decode())))
    assert [(row["key"], row["title"]) for row in rows] == [
        ("cat", "Cat on a bench"),
        ("cat", "Cat in the park"),
        ("cat", "Dog"),
        ("unicorn", ""),
    ]
    assert rows[-1]["without_results"] == "1"


@pytest.mark.usefixtures("history")
def test_all_queries_as_parquet(analyst: Account) -> None:
    answer = client_of(analyst).get("/api/analytics/?format=parquet")
    table = pq.read_table(io.BytesIO(content_of(answer)))
    assert table.num_rows == 4
    assert table.column("clicked").to_pylist() == [0, 2, 0, None]
    assert table.column("key").to_pylist()[-1] == "unicorn"


@pytest.mark.usefixtures("history")
def test_a_period_leaves_out_what_came_before_and_after(analyst: Account) -> None:
    SearchLog.objects.filter(key="cat").update(at=timezone.now() - timedelta(days=10))
    Judgement.objects.update(at=timezone.now() - timedelta(days=10))
    since = (timezone.now() - timedelta(days=1)).isoformat()

    def keys(**period: str) -> list[tuple[str, int, int]]:
        queries = json.loads(content_of(client_of(analyst).get("/api/analytics/", period)))["queries"]
        return [(query["key"], query["searches"], query["positive"]) for query in queries]

    assert keys() == [("cat", 2, 2), ("unicorn", 1, 0)]
    assert keys(since=since) == [("cat", 0, 0), ("unicorn", 1, 0)]  # the clicks are of today
    assert keys(until=since) == [("cat", 2, 2)]


def test_the_number_of_database_queries_grows_by_batches_of_queries_only(analyst: Account) -> None:
    ada = Person(None, "ada", "home")
    listing = make_listing()

    def cost(queries: int) -> int:
        for number in range(queries):
            record_search(key=f"word{number:04}", text="w", listing_ids=[listing.pk], total=1, took_ms=1, person=ada)
        with CaptureQueriesContext(connection) as counted:
            content_of(client_of(analyst).get("/api/analytics/?format=csv"))
        SearchLog.objects.all().delete()
        return len(counted)

    few, many = cost(5), cost(KEYS_AT_ONCE + 5)
    assert many - few <= 5


def test_texts_that_a_spreadsheet_would_run_are_defused(analyst: Account) -> None:
    listing = make_listing(title="=HYPERLINK(1)")
    record_search(
        key="cmd", text="=cmd()", listing_ids=[listing.pk], total=1, took_ms=1, person=Person(None, "ada", "home")
    )
    text = content_of(client_of(analyst).get("/api/analytics/?format=csv")).decode()
    assert "'=cmd()" in text
    assert "'=HYPERLINK(1)" in text


@pytest.mark.parametrize("who", ["guest", "somebody", "staff without the right"])
def test_figures_are_for_the_ml_team_alone(who: str) -> None:
    account = {"guest": None, "somebody": make_account(), "staff without the right": make_account(is_staff=True)}[who]
    answer = client_of(account).get("/api/analytics/?query=cat")
    assert answer.status_code == (401 if account is None else 403)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"format": "xlsx"}, 406),
        ({"since": "yesterday"}, 400),
        ({"since": "2026-02-01", "until": "2026-01-01"}, 400),
        ({"query": "!?"}, 400),
    ],
)
def test_senseless_wishes_are_refused(analyst: Account, asked: dict[str, str], status: int) -> None:
    answer = client_of(analyst).get("/api/analytics/", asked)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
