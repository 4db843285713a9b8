"""JSON that no endpoint can do anything with is refused before any of them sees it."""

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from feira.shop.web.parsers import DEEPEST

pytestmark = pytest.mark.django_db

FEEDBACK = "/api/feedback/"


@pytest.fixture
def api() -> APIClient:
    """Return a guest whom no throttle remembers."""
    cache.clear()
    return APIClient(enforce_csrf_checks=True)


def nested(levels: int, *, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize(
    "body",
    [
        nested(DEEPEST + 1),
        nested(200_000),
        nested(20_000, opening='{"a":', closing="}"),
        '{"feedback": ' + nested(DEEPEST) + "}",
    ],
)
def test_json_that_is_nested_without_end_is_refused_with_a_reason(api: APIClient, body: str) -> None:
    answer = api.post(FEEDBACK, body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert str(DEEPEST) in answer.json()["detail"]


def test_json_of_the_deepest_kind_is_still_read(api: APIClient) -> None:
    answer = api.post(FEEDBACK, '{"feedback": ' + nested(DEEPEST - 1) + "}", content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 0


@pytest.mark.parametrize(
    "body",
    [
        r'{"feedback": [{"query": "cat", "positive": ["\ud800"]}]}',
        r'{"feedback": [{"query": "cat \udc00", "positive": ["park-cat"]}]}',
    ],
)
def test_half_a_character_is_refused_beside_its_field_as_no_database_takes_it(api: APIClient, body: str) -> None:
    answer = api.post(FEEDBACK, body, content_type="application/json")
    assert answer.status_code == 400
    assert "surrogate" in answer.json()["errors"]["feedback"][0]


@pytest.mark.parametrize("body", [r'{"feedback": [], "\ud83d": 1}', r'{"\ud83d": "\ud83d"}', r'["\ud83d"]'])
def test_half_a_character_that_stands_in_no_field_is_refused_as_well(api: APIClient, body: str) -> None:
    answer = api.post(FEEDBACK, body, content_type="application/json")
    assert answer.status_code == 400
    assert "surrogate" in answer.json()["detail"]


def test_a_whole_character_may_be_written_as_two_surrogates(api: APIClient) -> None:
    body = r'{"feedback": [{"query": "cat", "positive": ["\ud83d\ude00"]}]}'
    answer = api.post(FEEDBACK, body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["results"][0]["unknown"] == ["😀"]
