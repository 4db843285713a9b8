"""The counter over the API: exact for a thousand digits, clear about everything else."""

import pytest
from rest_framework.test import APIClient

from feira.core.digits import count_digit

pytestmark = pytest.mark.django_db


def test_anyone_may_count_as_the_issue_writes_it() -> None:
    answer = APIClient().get("/api/counter/?digit=7&n=1000")
    assert answer.status_code == 200
    assert answer.json() == {"digit": 7, "n": 1000, "count": 300, "count_text": "300"}


@pytest.mark.parametrize("digit", range(10))
def test_ten_to_the_thousand_is_answered_exactly(digit: int) -> None:
    n = 10**1000
    body = APIClient().get("/api/counter/", {"digit": str(digit), "n": str(n)}).json()
    assert body["count"] == int(body["count_text"]) == count_digit(digit, n)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"n": "5"}, "digit"),
        ({"digit": "", "n": "5"}, "digit"),
        ({"digit": "10", "n": "5"}, "digit"),
        ({"digit": "-1", "n": "5"}, "digit"),
        ({"digit": "x", "n": "5"}, "digit"),
        ({"digit": "٣", "n": "5"}, "digit"),
        ({"digit": "1"}, "n"),
        ({"digit": "1", "n": "0"}, "n"),
        ({"digit": "1", "n": "-5"}, "n"),
        ({"digit": "1", "n": "1.5"}, "n"),
        ({"digit": "1", "n": "1e9"}, "n"),
        ({"digit": "1", "n": "1_000"}, "n"),
        ({"digit": "1", "n": "٣"}, "n"),
        ({"digit": "1", "n": str(10**1000 + 1)}, "n"),
        ({"digit": "1", "n": "9" * 6000}, "n"),
    ],
)
def test_anything_else_gets_a_problem_that_names_the_field(asked: dict[str, str], field: str) -> None:
    answer = APIClient().get("/api/counter/", asked)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid"
    assert list(problem["errors"]) == [field]
