"""The three calls of a script as they are written on the page: search, feedback, analytics; and who may make each."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from feira.shop.config import urls_short
from feira.shop.insight.teams import ML_TEAM
from tests.factories import make_listing
from tests.shop.api.conftest import World, signed_in

PEOPLE = ("guest", "other", "staff", "team")
# (method, address): the status that each of PEOPLE gets.
TABLE = {
    ("get", "search/?query=shoes"): (200, 200, 200, 200),
    ("post", "feedback/"): (200, 200, 200, 200),
    ("get", "analytics/?query=shoes"): (401, 403, 403, 200),
    ("get", "counter/?digit=7&n=1000"): (200, 200, 200, 200),
}


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("method", "address"), TABLE)
def test_each_address_serves_whom_it_is_for(method: str, address: str, who: str, world: World) -> None:
    if who == "team":
        world.other.groups.add(Group.objects.get(name=ML_TEAM))
    client = signed_in(world.account("other" if who == "team" else who))
    body: dict[str, Any] = {"feedback": [{"query": "shoes", "positive": ["Red shoes"]}]} if method == "post" else {}
    answer = getattr(client, method)(f"/api/{address}", body or None, format="json")
    assert answer.status_code == TABLE[method, address][PEOPLE.index(who)]


def test_every_short_address_is_in_the_table() -> None:
    def routes(patterns: list[URLPattern | URLResolver]) -> set[str]:
        found: set[str] = set()
        for pattern in patterns:
            found |= routes(pattern.url_patterns) if isinstance(pattern, URLResolver) else {str(pattern.pattern)}
        return found

    served = routes(get_resolver(urls_short.__name__).url_patterns)
    assert served == {address.partition("?")[0] for _method, address in TABLE}


@pytest.mark.django_db
def test_a_search_a_judgement_and_its_figures_follow_each_other(world: World) -> None:
    better = make_listing(world.seller, title="Shoes for the park")
    client = APIClient(enforce_csrf_checks=True)

    found = client.get("/api/search/?query=shoes").json()
    assert {card["id"] for card in found["results"]} == {world.live.pk, better.pk}
    wrong_one = found["results"][0]["id"]
    right_one = found["results"][1]["id"]

    said = {"query": "shoes", "positive": [right_one], "negative": [wrong_one, "no such shoes"]}
    told = client.post("/api/feedback/", {"feedback": [said]}, format="json").json()
    assert told["accepted"] == 2
    assert told["results"][0]["unknown"] == ["no such shoes"]

    again = client.get("/api/search/?query=shoes&explain=1").json()["results"]
    assert [card["id"] for card in again] == [right_one, wrong_one]
    assert again[0]["parts"]["feedback"] > 0 > again[1]["parts"]["feedback"]

    world.other.groups.add(Group.objects.get(name=ML_TEAM))
    answer: Any = signed_in(world.other).get("/api/analytics/?query=shoes")
    (query,) = json.loads(b"".join(answer.streaming_content))["queries"]
    assert (query["searches"], query["positive"], query["negative"]) == (2, 1, 1)


@pytest.mark.django_db
def test_the_short_search_answers_as_the_long_one(world: World) -> None:
    client = APIClient()
    short, long = (client.get(f"/api/{address}=shoes&facets=1").json() for address in ("search/?query", "v1/search/?q"))
    assert {**short, "took_ms": 0} == {**long, "took_ms": 0}


@pytest.mark.django_db
def test_a_query_that_is_too_long_is_refused_by_the_name_it_has_here() -> None:
    answer = APIClient().get("/api/search/", {"query": "x" * 1000})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["query"]
