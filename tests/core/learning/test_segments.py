"""Planted groups are found again, the same in any order, numbered by size; noise and wild figures do not decide."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from feira.core.learning.kmeans import fit_centres, nearest
from feira.core.learning.partitions import adjusted_rand_index, distances_between, silhouette
from feira.core.learning.segments import (
    MOST,
    MOST_COMPARED,
    MOST_FITTED,
    Scaling,
    find_segments,
    profiles_of,
)

Rows = NDArray[np.float32]
Planted = NDArray[np.int64]

# Whole numbers keep sums exact, and equal rows really occur.
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 6), min_size=width, max_size=width).map(tuple), min_size=2, max_size=40
    )
)
partitions = st.integers(1, 30).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 5), min_size=size, max_size=size).map(np.array)] * 3)
)


def planted(sizes: tuple[int, ...] = (90, 60, 30), *, width: int = 6, seed: int = 0) -> tuple[Rows, Planted]:
    """Rows around one point for each size, and which point each belongs to; shuffled."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    # Each point stands out by 8 standard deviations in a column of its own; the other columns are noise.
    points = np.eye(len(sizes), width) * 8 + 5
    rows = np.abs(points[labels] + rng.normal(size=(len(labels), width)))
    order = rng.permutation(len(labels))
    return rows[order].astype(np.float32), labels[order]


@pytest.mark.parametrize("sizes", [(90, 60), (90, 60, 30), (50, 40, 30, 20, 10), (40, 35, 30, 25, 20, 15, 10, 5)])
def test_as_many_segments_as_were_planted_are_found_with_the_same_members_and_numbered_by_size(
    sizes: tuple[int, ...],
) -> None:
    rows, truth = planted(sizes, width=8)
    found = find_segments(rows, [False] * 8)
    assert found.k == len(sizes)
    assert adjusted_rand_index(found.labels, truth) > 0.95
    assert [int(size) for size in np.bincount(found.labels)] == pytest.approx(sizes, abs=2)
    assert found.stability > 0.9
    assert dict(found.tried)[found.k] == found.silhouette == max(value for _k, value in found.tried)


def test_where_there_is_nothing_to_find_silhouette_and_stability_say_so() -> None:
    noise = np.random.default_rng(2).normal(size=(600, 8)).astype(np.float32)
    rows, _truth = planted((200, 200, 200), width=8)
    found, clear = find_segments(noise, [False] * 8), find_segments(rows, [False] * 8)
    assert found.silhouette < 0.2
    assert clear.silhouette > 0.35
    assert found.stability < 0.7 < clear.stability


def test_a_number_of_segments_that_was_asked_for_is_kept() -> None:
    rows, _truth = planted()
    found = find_segments(rows, [False] * 6, k=5)
    assert found.k == 5
    assert [k for k, _value in found.tried] == [5]
    assert len(np.unique(found.labels)) == 5


@settings(deadline=None, max_examples=25)
@given(table=tables, seed=st.integers(0, 3), data=st.data())
def test_the_same_rows_give_the_same_segments_in_any_order(
    table: list[tuple[int, ...]], seed: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(table))))
    rows = np.array(table, np.float32)
    logged = [True] * rows.shape[1]
    first, again = (find_segments(each, logged, seed=seed) for each in (rows, rows[order]))
    assert np.array_equal(first.labels[order], again.labels)
    assert np.array_equal(first.centres, again.centres)
    assert (first.silhouette, first.stability) == (again.silhouette, again.stability)
    sizes = np.bincount(first.labels, minlength=first.k)
    assert all(larger >= smaller > 0 for larger, smaller in pairwise(sizes)) or len(sizes) == 1
    assert first.k <= min(MOST, len({tuple(row) for row in table}))


def test_a_sample_is_enough_for_many_rows_and_the_order_still_does_not_matter() -> None:
    count = 3 * MOST_FITTED
    rows, truth = planted((count // 2, count // 3, count // 6))
    assert len(rows) > MOST_FITTED > MOST_COMPARED
    found = find_segments(rows, [False] * 6)
    assert adjusted_rand_index(found.labels, truth) > 0.95
    turned = find_segments(rows[::-1], [False] * 6)
    assert np.array_equal(found.labels, turned.labels[::-1])


def test_one_extraordinary_person_is_no_segment() -> None:
    rows, truth = planted((60, 60))
    rows[0] = 1e9
    found = find_segments(rows, [False] * 6)
    assert found.k == 2
    assert adjusted_rand_index(found.labels[1:], truth[1:]) > 0.95


def test_what_is_not_known_counts_as_the_middle_and_a_column_without_any_figure_for_nothing() -> None:
    rows = np.array([[1, np.nan], [3, np.nan], [np.nan, np.nan], [5, np.nan]], np.float32)
    points = Scaling.fit(rows, [False, False]).apply(rows)
    assert points.tolist() == [[-0.5, 0], [0, 0], [0, 0], [0.5, 0]]


def test_counts_with_a_long_tail_are_compared_by_their_logarithm_and_rare_ones_by_all_that_is_there() -> None:
    likes = np.array([2.0**step - 1 for step in range(8)] * 10, np.float32)
    rarely = np.zeros(80, np.float32)
    rarely[7] = 9
    points = Scaling.fit(np.stack([likes, rarely], axis=1), [True, True]).apply(np.stack([likes, rarely], axis=1))
    assert np.ptp(np.diff(points[:8, 0])) < 1e-6
    assert points[:8, 1].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_no_figure_counts_for_more_than_the_reach_of_its_column() -> None:
    rows = np.arange(100, dtype=np.float32)[:, None]
    rows[-1] = 1e9
    points = Scaling.fit(rows, [False]).apply(rows)
    assert float(np.ptp(points)) == 1
    assert points[-1] == points[-2] == points.max()


def test_progress_is_told_up_to_the_last_step_and_may_stop_the_work() -> None:
    rows, _truth = planted()
    told: list[tuple[int, int]] = []
    find_segments(rows, [False] * 6, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _total in told] == list(range(len(told)))
    assert {total for _done, total in told} == {len(told)}

    class Cancelled(Exception):
        """Somebody called it off."""

    def stop(done: int, _total: int) -> None:
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_segments(rows, [False] * 6, progress=stop)


@pytest.mark.parametrize(("shape", "marks"), [((1, 2), 2), ((0, 2), 2), ((5, 2), 3)])
def test_what_cannot_be_parted_is_refused(shape: tuple[int, int], marks: int) -> None:
    with pytest.raises(ValueError, match="cannot be parted"):
        find_segments(np.zeros(shape, np.float32), [False] * marks)


def test_profiles_say_by_how_much_segments_differ_from_everybody() -> None:
    rows = np.array([[1, 10, np.nan]] * 30 + [[9, 10, 4.0]] * 10, np.float32)
    found = find_segments(rows, [False, False, True], k=2)
    told = profiles_of(rows, found)
    assert told.means[:, 0].tolist() == [1, 9]
    assert told.overall.tolist() == [3, 10, 4]
    assert np.isnan(told.means[0, 2])
    assert told.means[1, 2] == 4
    # A quarter of all lies √3 standard deviations above the mean, the others 1/√3 below.
    assert told.differences[:, 0].tolist() == pytest.approx([-(3**-0.5), 3**0.5])
    assert told.differences[:, 1].tolist() == [0, 0]


@settings(deadline=None, max_examples=50)
@given(table=tables, k=st.integers(1, 6), seed=st.integers(0, 5))
def test_centres_are_the_means_of_what_is_nearest_or_better_than_any_single_start(
    table: list[tuple[int, ...]], k: int, seed: int
) -> None:
    rows = np.array(table, np.float64)
    fit = fit_centres(rows, k, rng=np.random.default_rng(seed), starts=3)
    labels, squares = nearest(rows, fit.centres)
    exact = ((rows[:, None] - fit.centres[None]) ** 2).sum(axis=2)
    assert np.allclose(squares, exact.min(axis=1), atol=1e-9)
    assert np.allclose(exact[np.arange(len(rows)), labels], exact.min(axis=1), atol=1e-9)
    assert np.isclose(fit.sum_of_squares, squares.sum())
    assert len(fit.centres) <= min(k, len(np.unique(rows, axis=0)))
    alone = ((rows - rows.mean(axis=0)) ** 2).sum()
    assert fit.sum_of_squares <= alone + 1e-9


def test_starts_are_spread_so_that_far_groups_are_all_met() -> None:
    # An even draw of five centres meets five equal groups in 4 % of all starts.
    rows = np.repeat(np.arange(5.0) * 1000, 40)[:, None] + np.tile(np.arange(40.0), 5)[:, None] / 40
    for seed in range(20):
        fit = fit_centres(rows, 5, rng=np.random.default_rng(seed), starts=1)
        assert fit.sum_of_squares < 100


@given(labels=partitions)
def test_agreement_is_symmetric_whatever_parts_are_called_and_whole_with_oneself(
    labels: tuple[Planted, Planted, Planted],
) -> None:
    first, second, _third = labels
    renamed = (first * 7 + 3) % 101
    assert adjusted_rand_index(first, first) == 1
    assert adjusted_rand_index(first, renamed) == 1
    assert adjusted_rand_index(first, second) == pytest.approx(adjusted_rand_index(second, renamed))
    assert adjusted_rand_index(first, second) <= 1


def test_agreement_by_chance_is_nothing() -> None:
    rng = np.random.default_rng(4)
    values = [adjusted_rand_index(rng.integers(0, 3, 200), rng.integers(0, 4, 200)) for _draw in range(200)]
    assert abs(float(np.mean(values))) < 0.01


def test_agreement_is_of_the_same_rows() -> None:
    with pytest.raises(ValueError, match="same rows"):
        adjusted_rand_index(np.zeros(3, int), np.zeros(4, int))


def test_the_silhouette_is_what_the_definition_says_row_by_row() -> None:
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=(9, 2)), rng.normal(size=(5, 2)) + 3, [[20.0, 20.0]]])
    labels = np.array([0] * 9 + [4] * 5 + [2])
    distances = distances_between(rows)
    assert np.allclose(distances, np.linalg.norm(rows[:, None] - rows[None], axis=2), atol=1e-6)
    scores = []
    for place, label in enumerate(labels):
        others = {
            name: [d for d, each in zip(distances[place], labels, strict=True) if each == name] for name in (0, 2, 4)
        }
        own = others.pop(label)
        if len(own) == 1:
            scores.append(0.0)
            continue
        inside, outside = sum(own) / (len(own) - 1), min(sum(each) / len(each) for each in others.values())
        scores.append((outside - inside) / max(inside, outside))
    assert silhouette(distances, labels) == pytest.approx(float(np.mean(scores)))
    assert silhouette(distances, np.zeros(15, int)) == 0
    assert silhouette(np.zeros((4, 4)), np.array([0, 0, 1, 1])) == 0
