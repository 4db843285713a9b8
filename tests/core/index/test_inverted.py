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
    looked_into = (inverted._planned(inverted._bytes.turn(QUERIES), 10) >= 0).sum(axis=1)
    assert 1 <= looked_into.min() <= looked_into.mean() < LISTS / 2
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


def test_together_or_alone_queries_get_the_same_answers(inverted: InvertedIndex) -> None:
    queries = np.concatenate([QUERIES[:6], ROWS[:3], QUERIES[:3] + QUERIES[3:6]])
    for among in (None, PhotoSet(random_share(0.3)), PhotoSet(far_corner(0.3))):
        alone = [inverted.search(query[None], 10, among=among)[0] for query in queries]
        assert inverted.search(queries, 10, among=among) == alone


def test_what_was_measured_is_stored(inverted: InvertedIndex, tmp_path: Path) -> None:
    inverted.save(tmp_path)
    again = InvertedIndex(DIM, exact_below=500).fill_from(tmp_path)
    assert again.search(QUERIES, 10) == inverted.search(QUERIES, 10)
    assert again.recall() == inverted.recall() < 1
    assert again.measured_recall == inverted.measured_recall


# Many near copies of few photos, as sellers upload them: a query that is no photo lies between tight crowds.
KINDS, COPIES = 200, 200


def crowds() -> tuple[Matrix, Matrix]:
    """Return rows in crowds as tight as neighbours are, and photos of which no copy is among them."""
    rng = np.random.default_rng(0)
    themes, spread = rng.standard_normal((20, DIM)), np.arange(1, DIM + 1) ** -0.5
    spread /= np.linalg.norm(spread)

    def photos(count: int) -> Matrix:
        return unit(themes[rng.integers(20, size=count)] / DIM**0.5 + rng.standard_normal((count, DIM)) * spread)

    originals, others = photos(KINDS), photos(200)
    products = originals @ originals.T - 2 * np.eye(KINDS, dtype=np.float32)
    apart = float(np.median(np.sqrt(2 - 2 * products.max(axis=1))))
    copies = np.repeat(originals, COPIES, axis=0)
    return unit(copies + rng.standard_normal(copies.shape) * spread * apart), others


def unit(rows: NDArray[np.floating]) -> Matrix:
    made: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def strangers(rows: Matrix, others: Matrix) -> dict[str, Matrix]:
    """Return queries that are not in the index, from near to far."""
    rng = np.random.default_rng(5)
    photos = [rows[rng.integers(len(rows), size=200)] for _ in range(4)]
    return {
        "nearly a photo": unit(photos[0] + 0.05 * rng.standard_normal(photos[0].shape) / DIM**0.5),
        "a photo like none": others,
        "between two": unit(photos[0] + photos[1]),
        "what four have in common": unit(np.sum(photos, axis=0)),
        "anything": unit(rng.standard_normal(photos[0].shape)),
    }


def test_the_stated_recall_holds_for_queries_that_are_no_photos_also_after_growth() -> None:
    rows, others = crowds()
    order = np.random.default_rng(1).permutation(len(rows))
    scalar = ScalarIndex(DIM)
    scalar.add(order[::2], rows[order[::2]])
    index = InvertedIndex.retrained(scalar)
    index._exact_below = 0
    queries = strangers(rows, others)

    def check() -> None:
        stated, truth = index.recall(), scalar.search(np.concatenate(list(queries.values())), 10)
        assert 0.97 <= stated < 1
        for start, (kind, asked) in zip(range(0, len(truth), 200), queries.items(), strict=True):
            found = recall(truth[start : start + 200], index.search(asked, 10))
            assert found >= 0.96, kind
            assert found >= stated - 0.02, kind

    check()
    for each in (scalar, index):
        each.add(order[1::2], rows[order[1::2]])
    check()
    assert index.is_stale()
    index = InvertedIndex.retrained(index)
    index._exact_below = 0
    check()
    looked_into = (index._planned(index._bytes.turn(queries["nearly a photo"]), 10) >= 0).sum(axis=1)
    assert looked_into.mean() < index.lists / 20


def test_queries_of_any_length_look_as_far(inverted: InvertedIndex) -> None:
    short, long = (
        inverted._planned(inverted._bytes.turn(times * QUERIES), 10) for times in (np.float32(0.25), np.float32(4))
    )
    assert np.array_equal(short, long)
    assert len(inverted.search(np.zeros((1, DIM), dtype=np.float32), 10)[0]) == 10
