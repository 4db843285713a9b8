"""A few interests of somebody, made of what they liked."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from feira.core.recommend.interests import (
    ALIKE,
    MOST_SIGNS,
    Interests,
    alike_from,
    find_interests,
    sign_weights,
)
from feira.core.types import Matrix

Weights = NDArray[np.float64]

# Directions of few values, so that equal ones and ties really occur.
directions = st.lists(st.tuples(*[st.integers(-2, 2)] * 4).filter(any), min_size=1, max_size=30)
weights_of = st.lists(st.integers(0, 8).map(lambda eighths: eighths / 8), min_size=30, max_size=30)


def unit(rows: list[tuple[int, ...]]) -> Matrix:
    matrix = np.array(rows, dtype=np.float32)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float32)


def around(direction: int, count: int, *, dim: int = 16, seed: int = 0, spread: float = 0.1) -> Matrix:
    """Return unit rows near one axis."""
    rows = np.random.default_rng(seed).normal(0, spread, (count, dim))
    rows[:, direction] += 1
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@given(rows=directions, given_weights=weights_of, most=st.integers(1, 6))
def test_interests_are_few_unit_vectors_whose_weights_are_shares(
    rows: list[tuple[int, ...]], given_weights: list[float], most: int
) -> None:
    weights = np.array(given_weights[: len(rows)])
    found = find_interests(unit(rows), weights, most=most, alike=0.5)
    assert len(found) <= most
    assert (len(found) > 0) == bool((weights > 0).any())
    assert np.allclose(np.linalg.norm(found.rows, axis=1), 1, atol=1e-5)
    if len(found):
        assert found.weights.sum() == pytest.approx(1)
        assert (np.diff(found.weights) <= 1e-12).all()
        assert (found.weights > 0).all()
    assert found.groups.shape == (len(rows),)
    assert set(found.groups.tolist()) <= set(range(-1, len(found)))
    assert (found.groups[weights == 0] == -1).all()


@given(rows=directions, given_weights=weights_of)
def test_each_interest_points_to_the_weighted_middle_of_its_signs(
    rows: list[tuple[int, ...]], given_weights: list[float]
) -> None:
    signs, weights = unit(rows), np.array(given_weights[: len(rows)])
    found = find_interests(signs, weights, most=6, alike=0.5)
    for number, row in enumerate(found.rows):
        own = found.groups == number
        middle = (signs[own].astype(np.float64) * weights[own, None]).sum(axis=0)
        assert row @ (middle / np.linalg.norm(middle)) == pytest.approx(1, abs=1e-5)
        assert weights[own].sum() > 0


@given(rows=directions, given_weights=weights_of, most=st.integers(1, 6))
def test_the_same_signs_give_the_same_interests(
    rows: list[tuple[int, ...]], given_weights: list[float], most: int
) -> None:
    weights = np.array(given_weights[: len(rows)])
    once, again = (find_interests(unit(rows), weights, most=most, alike=0.5) for _time in range(2))
    assert once.pack() == again.pack()
    assert once.groups.tolist() == again.groups.tolist()


@given(rows=directions, given_weights=weights_of, shuffled=st.randoms(use_true_random=False))
def test_when_all_weights_differ_the_order_of_the_signs_does_not_matter(
    rows: list[tuple[int, ...]], given_weights: list[float], shuffled: Random
) -> None:
    weights = np.array(given_weights[: len(rows)]) + np.arange(1, len(rows) + 1) / 64
    order = list(range(len(rows)))
    shuffled.shuffle(order)
    signs = unit(rows)
    straight = find_interests(signs, weights, most=4, alike=0.5)
    mixed = find_interests(signs[order], weights[order], most=4, alike=0.5)
    assert straight.pack() == mixed.pack()
    assert straight.groups[order].tolist() == mixed.groups.tolist()


@given(rows=directions, given_weights=weights_of, scale=st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
def test_only_shares_count_and_not_how_long_ago_it_all_was(
    rows: list[tuple[int, ...]], given_weights: list[float], scale: float
) -> None:
    weights = np.array(given_weights[: len(rows)])
    then, now = (find_interests(unit(rows), each, most=4, alike=0.5) for each in (weights, weights * scale))
    assert then.groups.tolist() == now.groups.tolist()
    assert np.allclose(then.weights, now.weights)
    assert np.allclose(then.rows, now.rows, atol=1e-6)


def test_two_tastes_are_two_interests_and_one_taste_is_one() -> None:
    bags, bicycles = around(0, 6, seed=1), around(3, 3, seed=2)
    found = find_interests(np.concatenate([bags, bicycles]), np.ones(9), most=5, alike=0.5)
    assert found.groups.tolist() == [0] * 6 + [1] * 3
    assert found.weights.tolist() == pytest.approx([6 / 9, 3 / 9])
    assert found.rows[0] @ found.rows[1] < 0.3
    assert len(find_interests(bags, np.ones(6), most=5, alike=0.5)) == 1


def test_of_too_many_tastes_the_heaviest_stay_and_are_not_blended() -> None:
    signs = np.concatenate([around(axis, 2, seed=axis) for axis in range(6)])
    weights = np.repeat([1.0, 6.0, 5.0, 2.0, 4.0, 3.0], 2)
    found = find_interests(signs, weights, most=3, alike=0.5)
    assert found.rows.argmax(axis=1).tolist() == [1, 2, 4]
    assert found.weights.tolist() == pytest.approx([6 / 15, 5 / 15, 4 / 15])
    assert found.groups.tolist() == [-1, -1, 0, 0, 1, 1, -1, -1, 2, 2, -1, -1]


def test_of_very_many_signs_the_heaviest_count() -> None:
    signs = np.concatenate([around(0, MOST_SIGNS, seed=1), around(3, 50, seed=2)])
    weights = np.concatenate([np.full(MOST_SIGNS, 2.0), np.ones(50)])
    found = find_interests(signs, weights, most=5, alike=0.5)
    assert len(found) == 1
    assert (found.groups[MOST_SIGNS:] == -1).all()


def test_nothing_liked_is_no_interest() -> None:
    found = find_interests(np.empty((0, 8), np.float32), np.empty(0), most=5, alike=0.5)
    assert (len(found), found.pack()) == (0, b"")
    assert len(Interests.unpack(b"")) == 0


@given(rows=directions, given_weights=weights_of)
def test_packed_interests_come_back_nearly_as_they_were(
    rows: list[tuple[int, ...]], given_weights: list[float]
) -> None:
    found = find_interests(unit(rows), np.array(given_weights[: len(rows)]), most=6, alike=0.5)
    back = Interests.unpack(found.pack())
    assert len(back) == len(found)
    if len(found):
        assert (np.einsum("ij,ij->i", back.rows, found.rows) > 0.9999).all()
        assert np.allclose(back.weights, found.weights, atol=1e-6)


@pytest.mark.parametrize("damaged", [b"x", b"\x01\x00\x02\x00", b"\x00\x00\x00\x00", b"\x01\x00\x02\x00" + bytes(9)])
def test_bytes_that_are_no_interests_are_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="no packed interests"):
        Interests.unpack(damaged)


def test_a_sign_counts_half_after_each_half_life_and_the_future_is_now() -> None:
    weights = sign_weights(np.array([1.0, 1.0, 0.5, 1.0]), np.array([0.0, 60.0, 120.0, -9.0]), half_life_s=60)
    assert weights.tolist() == [1.0, 0.5, 0.125, 1.0]
    with pytest.raises(ValueError, match="above zero"):
        sign_weights(np.ones(1), np.ones(1), half_life_s=0)


def test_alike_is_told_from_what_the_encoder_finds_common_to_everything() -> None:
    rng = np.random.default_rng(3)
    wide = rng.normal(size=(500, 64))
    narrow = wide + 8 * np.ones(64) / 8
    for rows, common in ((wide, 0.0), (narrow, 0.5)):
        sample = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
        assert alike_from(sample) == pytest.approx(common + ALIKE * (1 - common), abs=0.02)
    assert alike_from(np.empty((0, 0), np.float32)) == ALIKE
    assert alike_from(np.ones((1, 1), np.float32)) == ALIKE


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        find_interests(np.eye(3, dtype=np.float32), np.ones(2), most=5, alike=0.5)
    with pytest.raises(ValueError, match="at most 0"):
        find_interests(np.eye(3, dtype=np.float32), np.ones(3), most=0, alike=0.5)
