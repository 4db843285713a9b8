"""Inverted lists keep every promise of the exact scan where they look everywhere, and nearly all where they do not."""

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from feira.core.index.inverted import InvertedIndex
from feira.core.index.protocol import Index
from feira.core.index.scalar import ScalarIndex
from feira.core.photo_set import PhotoSet
from feira.core.testing.index_conformance import IndexConformance
from feira.core.types import Hit, Matrix

DIM, COUNT, LISTS = 32, 8_000, 64


class TestWithOneList(IndexConformance):
    """As it begins."""

    tolerance = 0.02

    def make(self, dim: int) -> Index:
        return InvertedIndex(dim)

    def reopen(self, folder: Path, dim: int) -> Index:
        return InvertedIndex(dim).fill_from(folder)


class TestWithManyLists(IndexConformance):
    """As it grows: lists by chance, nothing compared exactly without a plan, so every search goes through the lists."""

    tolerance = 0.02

    def make(self, dim: int) -> Index:
        grid = np.random.default_rng(dim).integers(-100, 100, size=(7, 64)).astype(np.int16)
        return InvertedIndex(dim, grid=grid, exact_below=0)

    def reopen(self, folder: Path, dim: int) -> Index:
        return InvertedIndex(dim, exact_below=0).fill_from(folder)


def clustered(count: int, *, seed: int) -> Matrix:
    """Unit rows around 300 middles that lie so close together that neighbours cross from one to another."""
    middles = np.random.default_rng(0).standard_normal((300, DIM))
    rng = np.random.default_rng(seed)
    rows = middles[rng.integers(300, size=count)] + 0.7 * rng.standard_normal((count, DIM))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


ROWS, QUERIES = clustered(COUNT, seed=1), clustered(60, seed=2)


@pytest.fixture(scope="module")
def scalar() -> ScalarIndex:
    index = ScalarIndex(DIM)
    index.add(range(1, COUNT + 1), ROWS)
    return index


@pytest.fixture(scope="module")
def inverted(scalar: ScalarIndex) -> InvertedIndex:
    index = InvertedIndex.retrained(scalar, lists=LISTS)
    index._exact_below = 500
    return index


def recall(truth: list[list[Hit]], found: list[list[Hit]]) -> float:
    pairs = zip(truth, found, strict=True)
    return float(np.mean([len({a.photo_id for a in t} & {b.photo_id for b in f}) / len(t) for t, f in pairs]))


def test_training_changes_no_code(scalar: ScalarIndex, inverted: InvertedIndex) -> None:
    assert inverted.checksum() == scalar.checksum()
    assert inverted.ids() == scalar.ids()
    assert inverted.is_intact()


def test_it_finds_nearly_all_and_looks_into_a_part_of_the_lists(scalar: ScalarIndex, inverted: InvertedIndex) -> None:
    probes = inverted._planned(inverted._bytes.turn(QUERIES), 10, None)
    assert 1 <= probes < LISTS
    assert recall(scalar.search(QUERIES, 10), inverted.search(QUERIES, 10)) >= 0.95
    assert inverted.recall() >= 0.95


def random_share(share: float) -> NDArray[np.int64]:
    return np.flatnonzero(np.random.default_rng(5).random(COUNT) < share) + 1


def far_corner(share: float) -> NDArray[np.int64]:
    """Return the photos that are least like the queries: a filter that leaves their neighbourhood empty."""
    return np.argsort((ROWS @ QUERIES.T).max(axis=1))[: int(share * COUNT)] + 1


@pytest.mark.parametrize("k", [1, 10, 200, 3000])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("choose", [random_share, far_corner])
def test_a_filtered_search_is_always_filled_and_right(
    scalar: ScalarIndex, inverted: InvertedIndex, choose: type, share: float, k: int
) -> None:
    ids = choose(share)
    among = PhotoSet(ids)
    expected, found = scalar.search(QUERIES[:20], k, among=among), inverted.search(QUERIES[:20], k, among=among)
    passing = set(ids.tolist())
    for hits in found:
        assert len(hits) == min(k, len(ids))
        assert {hit.photo_id for hit in hits} <= passing
    assert recall(expected, found) >= 0.95
    if len(ids) <= 500:
        assert found == expected


def test_ids_too_large_for_a_bitmap_are_filtered_all_the_same() -> None:
    index = InvertedIndex(DIM, exact_below=0)
    index.add([10**15, 10**15 + 1, 5], ROWS[:3])
    assert {hit.photo_id for hit in index.search(ROWS[:1], 3, among=[10**15, 5, 10**17])[0]} == {10**15, 5}


def test_lists_go_stale_when_the_catalogue_has_doubled_or_moved(inverted: InvertedIndex) -> None:
    inverted = InvertedIndex.retrained(inverted, lists=LISTS)
    assert not inverted.is_stale()
    inverted.remove(range(1, COUNT // 2))
    assert not inverted.is_stale()
    inverted.add(range(1, COUNT // 2 + 2), ROWS[: COUNT // 2 + 1])
    assert inverted.is_stale()
    again = InvertedIndex.retrained(inverted)
    assert not again.is_stale()
    elsewhere = np.random.default_rng(9).standard_normal((11_000, DIM)).astype(np.float32)
    again._trained_on = 20_000  # as many changes as this alone would make anything stale
    again.add(range(50_000, 61_000), elsewhere / np.linalg.norm(elsewhere, axis=1, keepdims=True))
    assert again.is_stale()


def test_training_stops_when_told_and_leaves_the_source_alone(scalar: ScalarIndex) -> None:
    asked = iter([True])
    before = scalar.checksum()
    assert len(InvertedIndex.retrained(scalar, lists=LISTS, go_on=lambda: next(asked, False))) < COUNT
    assert scalar.checksum() == before


def test_a_source_that_changes_meanwhile_is_copied_without_losing_what_stays() -> None:
    """Slots move when photos go; a copy that walked over slots would miss some that stayed."""
    source = ScalarIndex(DIM)
    source.add(range(COUNT), ROWS)
    stop = threading.Event()

    def change() -> None:
        for photo_id in range(0, COUNT, 2):
            if stop.is_set():
                break
            source.remove([photo_id])

    changing = threading.Thread(target=change)
    changing.start()
    made = InvertedIndex.retrained(source, lists=LISTS)
    stop.set()
    changing.join()
    assert set(made.ids()) >= set(range(1, COUNT, 2))


def test_the_same_photos_train_the_same_lists(scalar: ScalarIndex, inverted: InvertedIndex) -> None:
    backwards = ScalarIndex(DIM)
    for start in range(COUNT, 0, -1000):
        backwards.add(range(start, start - 1000, -1), ROWS[start - 1000 : start][::-1])
    again = InvertedIndex.retrained(backwards, lists=LISTS)
    assert np.array_equal(again._centroids.grid, inverted._centroids.grid)
    again._exact_below = 500
    assert again.search(QUERIES, 10) == inverted.search(QUERIES, 10)
