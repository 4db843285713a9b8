"""The metrics agree with sums worked out by hand and keep to their bounds."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.evaluation.metrics import ndcg_at_k, precision_at_k, recall_at_k, reciprocal_rank

Measure = Callable[[list[int], set[int], int], float]

rankings = st.lists(st.integers(1, 15), unique=True, max_size=12)
relevants = st.sets(st.integers(1, 15), max_size=10)


def test_an_incomplete_ranking_is_not_better_for_being_short() -> None:
    assert precision_at_k([1], {1, 2}, k=5) == 0.2
    assert recall_at_k([1], {1, 2}, k=5) == 0.5
    assert ndcg_at_k([1], {1, 2}, k=5) == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_recall_is_divided_by_all_relevant_even_beyond_k() -> None:
    assert recall_at_k([1, 2], {1, 2, 3, 4, 5}, k=2) == 0.4


def test_a_thing_that_comes_twice_counts_once() -> None:
    assert precision_at_k([1, 1, 1, 1], {1}, k=4) == 0.25
    assert ndcg_at_k([1, 1], {1, 2}, k=2) == pytest.approx(1 / (1 + 1 / math.log2(3)))


@given(ranked=rankings, k=st.integers(1, 20))
def test_nothing_relevant_is_worth_nothing(ranked: list[int], k: int) -> None:
    assert [measure(ranked, set(), k) for measure in (precision_at_k, recall_at_k, ndcg_at_k)] == [0, 0, 0]
    assert reciprocal_rank(ranked, set()) == 0


@given(ranked=rankings, relevant=relevants, k=st.integers(1, 20))
def test_precision_and_recall_count_the_same_hits(ranked: list[int], relevant: set[int], k: int) -> None:
    assert precision_at_k(ranked, relevant, k) * k == pytest.approx(recall_at_k(ranked, relevant, k) * len(relevant))


@given(ranked=rankings, relevant=relevants.filter(bool), k=st.integers(1, 20))
def test_ndcg_is_one_exactly_when_the_front_is_all_relevant(ranked: list[int], relevant: set[int], k: int) -> None:
    front = ranked[: min(k, len(relevant))]
    perfect = len(front) == min(k, len(relevant)) and set(front) <= relevant
    value = ndcg_at_k(ranked, relevant, k)
    assert 0 <= value <= 1 + 1e-12
    assert (value == pytest.approx(1)) == perfect


@given(ranked=rankings, relevant=relevants)
def test_the_reciprocal_rank_finds_the_first_hit(ranked: list[int], relevant: set[int]) -> None:
    value = reciprocal_rank(ranked, relevant)
    if value:
        place = round(1 / value)
        assert ranked[place - 1] in relevant
        assert not set(ranked[: place - 1]) & relevant
    else:
        assert not set(ranked) & relevant


@pytest.mark.parametrize("measure", [precision_at_k, recall_at_k, ndcg_at_k])
def test_k_below_one_is_refused(measure: Measure) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure([1], {1}, 0)
