"""Sums over pairs hold all that a linear fit needs."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from feira.core.learning.ridge import PairSums, power_of, ridge_regression

RNG = np.random.default_rng(5)
FIRST, SECOND = RNG.normal(size=(40, 6)) + 2.0, RNG.normal(size=(40, 3)) - 1.0


def sums_of(first: NDArray[Any], second: NDArray[Any], weights: ArrayLike | None = None) -> PairSums:
    sums = PairSums.empty(first.shape[1], second.shape[1])
    sums.add(first, second, weights)
    return sums


def same(one: PairSums, other: PairSums) -> None:
    for name in ("weight", "first", "second", "first_first", "first_second", "second_second"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-9)


@given(cuts=st.lists(st.integers(0, 40), max_size=4))
def test_however_pairs_are_cut_into_batches_the_sums_are_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 40]
    sums = PairSums.empty(6, 3)
    for start, stop in pairwise(edges):
        sums.add(FIRST[start:stop], SECOND[start:stop])
    same(sums, sums_of(FIRST, SECOND))


def test_a_weight_of_two_is_the_pair_twice() -> None:
    weighted = sums_of(FIRST[:2], SECOND[:2], [2.0, 1.0])
    same(weighted, sums_of(FIRST[[0, 0, 1]], SECOND[[0, 0, 1]]))


def test_other_sums_are_added_with_their_share() -> None:
    both = sums_of(FIRST[:10], SECOND[:10]).plus(sums_of(FIRST[10:], SECOND[10:]), share=0.5)
    same(both, sums_of(FIRST, SECOND, np.r_[np.ones(10), np.full(30, 0.5)]))


def test_ridge_agrees_with_the_textbook_on_centred_rows() -> None:
    weights, offset = ridge_regression(sums_of(FIRST, SECOND), ridge=0.7)
    x, y = FIRST - FIRST.mean(axis=0), SECOND - SECOND.mean(axis=0)
    expected = np.linalg.solve(x.T @ x + 0.7 * np.eye(6), x.T @ y)
    np.testing.assert_allclose(weights, expected, atol=1e-10)
    np.testing.assert_allclose(FIRST.mean(axis=0) @ weights + offset, SECOND.mean(axis=0), atol=1e-10)


def test_a_linear_rule_is_found_again() -> None:
    truth = RNG.normal(size=(6, 3))
    weights, offset = ridge_regression(sums_of(FIRST, FIRST @ truth + 4.0), ridge=1e-9)
    np.testing.assert_allclose(weights, truth, atol=1e-6)
    np.testing.assert_allclose(offset, 4.0, atol=1e-5)


def test_powers_invert_each_other() -> None:
    matrix = FIRST.T @ FIRST
    root = power_of(matrix, -0.5, ridge=0.1)
    np.testing.assert_allclose(root @ root @ (matrix + 0.1 * np.eye(6)), np.eye(6), atol=1e-8)


@pytest.mark.parametrize(
    ("first", "second", "weights"),
    [
        (FIRST, SECOND[:39], None),
        (FIRST[:, :5], SECOND, None),
        (FIRST, SECOND, np.full(40, -1.0)),
        (FIRST, SECOND, np.ones(3)),
        (np.full((1, 6), np.nan), SECOND[:1], None),
    ],
    ids=["unequal counts", "another length", "negative weights", "too few weights", "not a number"],
)
def test_pairs_that_do_not_fit_are_refused_and_nothing_is_counted(
    first: NDArray[Any], second: NDArray[Any], weights: NDArray[Any] | None
) -> None:
    sums = PairSums.empty(6, 3)
    with pytest.raises(ValueError, match=r"Pairs of shapes|Give one weight|finite"):
        sums.add(first, second, weights)
    same(sums, PairSums.empty(6, 3))


def test_nothing_cannot_be_learned_from() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        ridge_regression(PairSums.empty(2, 2), ridge=1.0)
    with pytest.raises(ValueError, match="above zero"):
        ridge_regression(sums_of(FIRST, SECOND), ridge=0.0)
    with pytest.raises(ValueError, match="cannot be added"):
        PairSums.empty(2, 2).plus(PairSums.empty(2, 3))
