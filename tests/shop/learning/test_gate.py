"""The gate: only what is better serves, and whatever serves can be taken back."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, transaction

from feira.core.errors import Refused
from feira.shop.jobs.registry import job, restored, subscriber
from feira.shop.jobs.services import run_until_idle
from feira.shop.learning.models import Decision, LearnedPart
from feira.shop.learning.selectors import live_part, live_version, version_before
from feira.shop.learning.services import VERSIONS_KEPT, judge_candidate, promote, propose, refuse, roll_back
from tests.factories import make_account

pytestmark = pytest.mark.django_db

METRIC = "nDCG@10 on held-out judgements"


def metrics(start: float, step: float = 0.01, count: int = 20) -> dict[str, float]:
    return {f"query {number:02}": start + step * number for number in range(count)}


def propose_ranker(content: bytes = b"weights") -> LearnedPart:
    return propose(part="query_ranker", content=content, made_from={"judgements": 40, "seed": 0})


def test_the_first_version_serves_when_it_is_not_worse_than_the_default() -> None:
    first = propose_ranker()
    assert judge_candidate(first, live_per_query=metrics(0.5), candidate_per_query=metrics(0.5), metric=METRIC)

    live = live_part("query_ranker")
    assert live is not None
    assert bytes(live.content) == b"weights"
    assert (live.version, live.report["ties"], live.report["compared_with"]) == (1, 20, "the default")


def test_a_first_version_worse_than_the_default_is_refused() -> None:
    first = propose_ranker()
    assert not judge_candidate(first, live_per_query=metrics(0.5), candidate_per_query=metrics(0.4), metric=METRIC)
    assert live_part("query_ranker") is None
    assert first.state == LearnedPart.State.REFUSED


def test_the_next_version_has_to_be_surely_better() -> None:
    promote(propose_ranker(b"first"))
    equal, better = propose_ranker(b"equal"), propose_ranker(b"better")

    assert not judge_candidate(equal, live_per_query=metrics(0.5), candidate_per_query=metrics(0.5), metric=METRIC)
    assert live_version("query_ranker") == 1
    assert judge_candidate(better, live_per_query=metrics(0.5), candidate_per_query=metrics(0.6), metric=METRIC)

    live = live_part("query_ranker")
    assert live is not None
    assert (live.version, bytes(live.content)) == (3, b"better")
    assert live.report["wins"] == 20
    assert live.report["low"] > 0
    assert live.report["per_query"][0] == {"query": "query 00", "before": 0.5, "after": 0.6}


def test_a_gain_below_what_was_asked_for_is_not_enough() -> None:
    promote(propose_ranker())
    second = propose_ranker()
    assert not judge_candidate(
        second, live_per_query=metrics(0.5), candidate_per_query=metrics(0.505), metric=METRIC, min_gain=0.01
    )
    assert live_version("query_ranker") == 1


def test_a_handful_of_queries_tells_nothing() -> None:
    first = propose_ranker()
    few = metrics(0.5, count=3)
    assert not judge_candidate(first, live_per_query=few, candidate_per_query=metrics(0.9, count=3), metric=METRIC)
    assert "3 held-out queries" in first.report["reason"]


def test_with_no_default_at_all_the_first_one_serves_but_never_replaces_another_unseen() -> None:
    first = propose(part="bridge", about="eye-1", content=b"a")
    assert judge_candidate(first, live_per_query=None, candidate_per_query={}, metric=METRIC)
    second = propose(part="bridge", about="eye-1", content=b"b")
    assert not judge_candidate(second, live_per_query=None, candidate_per_query={}, metric=METRIC)
    assert live_version("bridge", "eye-1") == 1


def test_rolling_back_goes_one_version_at_a_time_down_to_the_default() -> None:
    person = make_account()
    for content in (b"1", b"2", b"3"):
        promote(propose_ranker(content))
    refuse(propose_ranker(b"4"))

    for expected in (2, 1):
        before = version_before("query_ranker")
        assert roll_back(part="query_ranker", by=person) == before == live_part("query_ranker")
        assert live_version("query_ranker") == expected
    assert roll_back(part="query_ranker", by=person) is None
    assert live_part("query_ranker") is None
    with pytest.raises(Refused, match="nothing to take back"):
        roll_back(part="query_ranker")


def test_parts_and_encoders_are_kept_apart() -> None:
    promote(propose(part="bridge", about="eye-1", content=b"a"))
    promote(propose(part="bridge", about="eye-2", content=b"b"))
    promote(propose_ranker())
    assert [bytes(live.content) for about in ("eye-1", "eye-2") if (live := live_part("bridge", about))] == [b"a", b"b"]
    assert live_part("bridge") is None


def test_who_decided_is_written_down_and_stays() -> None:
    person = make_account()
    first, second = propose_ranker(), propose_ranker()
    promote(first)
    promote(second, by=person, reason="The gate had too few queries.")
    roll_back(part="query_ranker", by=person)

    told = list(Decision.objects.order_by("pk").values_list("learned__version", "state", "account"))
    assert told == [
        (1, "live", None),
        (1, "retired", person.pk),
        (2, "live", person.pk),
        (2, "retired", person.pk),
        (1, "live", person.pk),
    ]


def test_promoting_what_serves_is_refused() -> None:
    first = promote(propose_ranker())
    with pytest.raises(Refused, match="serves already"):
        promote(first)


def test_the_database_itself_allows_one_live_version_only() -> None:
    first, second = propose_ranker(), propose_ranker()
    promote(first)
    with pytest.raises(IntegrityError), transaction.atomic():
        LearnedPart.objects.filter(pk=second.pk).update(state=LearnedPart.State.LIVE)


def test_candidates_that_never_served_do_not_pile_up() -> None:
    served = promote(propose_ranker())
    for _number in range(VERSIONS_KEPT + 5):
        propose_ranker()
    assert LearnedPart.objects.count() == VERSIONS_KEPT + 1
    assert LearnedPart.objects.filter(pk=served.pk).exists()


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    heard: list[tuple[str, str]] = []
    with restored():

        @subscriber("learning.live_part_changed")
        @job("tests.hear_of_learned_parts")
        def hear(job: object, *, part: str, about: str) -> None:
            heard.append((part, about))

        yield heard


def test_whoever_subscribes_hears_of_each_change(told: list[tuple[str, str]]) -> None:
    promote(propose(part="bridge", about="eye-1", content=b"a"))
    roll_back(part="bridge", about="eye-1")
    run_until_idle()
    assert told == [("bridge", "eye-1"), ("bridge", "eye-1")]
