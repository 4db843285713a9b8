"""What every index must keep; inherit `IndexConformance` in a test module and say how to make and reopen yours."""

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from feira.core.errors import DimensionMismatch
from feira.core.index.exact import ExactIndex
from feira.core.index.protocol import Index
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix

DIM = 4
# Whole numbers keep float arithmetic exact and make ties common; a row of zeros would have no direction.
vectors = st.tuples(*[st.integers(-3, 3)] * DIM).filter(any)
tables = st.dictionaries(st.integers(1, 60), vectors, min_size=1, max_size=40)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(st.integers(1, 12), vectors), max_size=6)),
        st.tuples(st.just("remove"), st.lists(st.integers(1, 14), max_size=6)),
    ),
    max_size=12,
)
# The methods make a fresh index for each example, so a shared `self` does no harm.
many = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])


class IndexConformance(ABC):
    """Promises of `feira.core.index.protocol.Index`, checked against a plain dictionary and the exact index.

    A subclass says how to make an empty index and how to read back what `save` wrote. `tolerance` is how far a score
    may lie from the exact inner product of unit rows: rounding alone, or the width of a code.
    """

    tolerance = 1e-6

    @abstractmethod
    def make(self, dim: int) -> Index:
        """Return an empty index."""

    @abstractmethod
    def reopen(self, folder: Path, dim: int) -> Index:
        """Return the index that `save` wrote to the folder."""

    def filled(self, table: dict[int, tuple[int, ...]]) -> Index:
        """Return an index of these rows, added in one call."""
        index = self.make(DIM)
        index.add(list(table), unit(list(table.values())))
        return index

    def test_an_empty_index_answers_with_nothing(self) -> None:
        index = self.make(DIM)
        assert (len(index), index.ids(), index.dim) == (0, [], DIM)
        assert index.search(unit([(1, 0, 0, 0), (0, 1, 0, 0)]), 5) == [[], []]
        assert index.search(unit([(1, 0, 0, 0)]), 5, among=[1]) == [[]]
        assert index.remove([3]) == 0
        assert index.vectors([]).shape == (0, DIM)
        assert index.checksum() == self.make(DIM).checksum()

    @many
    @given(table=tables, query=vectors, k=st.integers(0, 50), data=st.data())
    def test_answers_and_checksum_do_not_depend_on_insertion_order(
        self, table: dict[int, tuple[int, ...]], query: tuple[int, ...], k: int, data: st.DataObject
    ) -> None:
        index, other = self.filled(table), self.make(DIM)
        for photo_id in data.draw(st.permutations(list(table))):
            other.add([photo_id], unit([table[photo_id]]))
        assert index.search(unit([query]), k) == other.search(unit([query]), k)
        assert index.checksum() == other.checksum()

    @many
    @given(history=changes, query=vectors)
    def test_any_history_ends_like_a_dictionary(
        self, history: list[tuple[str, list[int] | list[tuple[int, tuple[int, ...]]]]], query: tuple[int, ...]
    ) -> None:
        index, truth = self.make(DIM), dict[int, tuple[int, ...]]()
        for verb, items in history:
            if verb == "add":
                pairs = [item for item in items if isinstance(item, tuple)]
                index.add([photo_id for photo_id, _ in pairs], unit([row for _, row in pairs]))
                truth.update(pairs)
            else:
                gone = {item for item in items if isinstance(item, int) and item in truth}
                assert index.remove([item for item in items if isinstance(item, int)]) == len(gone)
                truth = {photo_id: row for photo_id, row in truth.items() if photo_id not in gone}
        assert index.ids() == sorted(truth)
        assert len(index) == len(truth)
        assert all((photo_id in index) == (photo_id in truth) for photo_id in range(15))
        assume(truth)
        fresh = self.filled(truth)
        assert index.checksum() == fresh.checksum()
        assert index.search(unit([query]), 7) == fresh.search(unit([query]), 7)
        stored = index.vectors(list(truth))
        assert np.abs(stored - unit(list(truth.values()))).max() <= self.tolerance

    @many
    @given(table=tables, query=vectors, k=st.integers(1, 50))
    def test_it_agrees_with_the_exact_index(
        self, table: dict[int, tuple[int, ...]], query: tuple[int, ...], k: int
    ) -> None:
        (hits,) = self.filled(table).search(unit([query]), k)
        exact = ExactIndex(DIM)
        exact.add(list(table), unit(list(table.values())))
        (expected,) = exact.search(unit([query]), len(table))
        true_scores = {hit.photo_id: hit.score for hit in expected}
        assert len({hit.photo_id for hit in hits}) == len(hits) == min(k, len(table))
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.photo_id))
        assert all(abs(hit.score - true_scores[hit.photo_id]) <= self.tolerance for hit in hits)
        # Nothing left out is better than what came, beyond the tolerance of both scores.
        left_out = true_scores.keys() - {hit.photo_id for hit in hits}
        assert all(true_scores[photo_id] <= hits[-1].score + 2 * self.tolerance for photo_id in left_out)

    @many
    @given(table=tables, query=vectors, k=st.integers(1, 50), among=st.lists(st.integers(1, 70), max_size=30))
    def test_a_search_among_some_is_the_full_answer_without_the_others(
        self, table: dict[int, tuple[int, ...]], query: tuple[int, ...], k: int, among: list[int]
    ) -> None:
        index = self.filled(table)
        (everything,) = index.search(unit([query]), len(table))
        (hits,) = index.search(unit([query]), k, among=among)
        assert hits == [hit for hit in everything if hit.photo_id in among][:k]
        assert index.search(unit([query]), k, among=PhotoSet(among)) == [hits]

    @many
    @given(row=vectors, query=vectors, count=st.integers(1, 60), k=st.integers(1, 60), data=st.data())
    def test_ties_go_to_the_lower_photo_id(
        self, row: tuple[int, ...], query: tuple[int, ...], count: int, k: int, data: st.DataObject
    ) -> None:
        index = self.make(DIM)
        for photo_id in data.draw(st.permutations(range(1, count + 1))):
            index.add([photo_id], unit([row]))
        (hits,) = index.search(unit([query]), k)
        assert [hit.photo_id for hit in hits] == list(range(1, min(k, count) + 1))
        assert len({hit.score for hit in hits}) == 1

    @many
    @given(table=tables, queries=st.lists(vectors, max_size=5))
    def test_queries_are_answered_in_order(
        self, table: dict[int, tuple[int, ...]], queries: list[tuple[int, ...]]
    ) -> None:
        index = self.filled(table)
        together = index.search(unit(queries), 3)
        apart = [index.search(unit([query]), 3)[0] for query in queries]
        assert [[hit.photo_id for hit in hits] for hits in together] == [
            [hit.photo_id for hit in hits] for hits in apart
        ]

    def test_the_last_of_equal_ids_wins_within_a_call(self) -> None:
        index = self.make(DIM)
        index.add([7, 5, 7], unit([(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]))
        assert index.ids() == [5, 7]
        assert np.abs(index.vectors([7]) - unit([(0, 0, 1, 0)])).max() <= self.tolerance

    def test_rows_of_another_encoder_are_refused_and_leave_no_trace(self) -> None:
        index = self.filled({1: (1, 0, 0, 0)})
        before = index.checksum()
        with pytest.raises(DimensionMismatch) as caught:
            index.add([2], np.ones((1, DIM + 1), dtype=np.float32))
        assert caught.value.facts == {"expected": DIM, "got": DIM + 1}
        with pytest.raises(DimensionMismatch):
            index.search(np.ones((1, DIM - 1), dtype=np.float32), 3)
        with pytest.raises(ValueError, match="one id per row"):
            index.add([2, 3], unit([(1, 0, 0, 0)]))
        with pytest.raises(ValueError, match="NaN"):
            index.add([2], np.full((1, DIM), np.nan, dtype=np.float32))
        assert (index.ids(), index.checksum()) == ([1], before)

    def test_numbers_of_photos_may_lie_far_apart(self) -> None:
        index, far = self.make(DIM), [7, 10**6, 10**12, 2**62]
        index.add(far, unit([(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]))
        assert index.ids() == far
        assert [hit.photo_id for hit in index.search(unit([(0, 0, 1, 0)]), 1)[0]] == [10**12]
        assert [hit.photo_id for hit in index.search(unit([(2, 1, 1, 0)]), 9, among=far[:2])[0]] == far[:2]
        assert index.remove([10**6, 2**62]) == 2
        assert index.ids() == [7, 10**12]

    @pytest.mark.usefixtures("hasty_threads")
    def test_filtered_searches_are_filled_while_others_change_the_index(self) -> None:
        """Photos 1 to 40 stay, others come and go: a search among the 40 always finds ten of them."""
        rows = np.random.default_rng(3).standard_normal((80, 16)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        index, stop, failures = self.make(16), threading.Event(), list[object]()
        index.add(range(1, 41), rows[:40])
        among, expected = PhotoSet(range(1, 41)), [hit.photo_id for hit in index.search(rows[:1], 10)[0]]

        def read() -> None:
            while not stop.is_set():
                found = [hit.photo_id for hit in index.search(rows[:1], 10, among=among)[0]]
                if found != expected:
                    failures.append(found)

        reader = threading.Thread(target=read)
        reader.start()
        for _turn in range(30):
            index.add(range(41, 81), rows[40:])
            index.add(range(30, 41), rows[29:40])  # the same rows again
            index.remove(range(41, 81))
        stop.set()
        reader.join(timeout=30)
        assert not failures

    def test_unknown_photos_have_no_vector(self) -> None:
        with pytest.raises(KeyError):
            self.filled({1: (1, 0, 0, 0)}).vectors([1, 2])

    def test_a_stored_index_comes_back_whole(self, tmp_path: Path) -> None:
        index = self.filled({9: (1, 2, 3, 0), 2: (0, 1, 0, -1), 40: (3, -1, 2, 2)})
        index.remove([2])
        index.save(tmp_path)
        again = self.reopen(tmp_path, DIM)
        query = unit([(1, 1, 1, 1)])
        assert (again.checksum(), again.ids(), again.dim) == (index.checksum(), [9, 40], DIM)
        assert again.search(query, 5) == index.search(query, 5)
        again.add([3], unit([(0, 0, 0, 1)]))
        assert again.ids() == [3, 9, 40]

    def test_an_empty_index_can_be_stored_too(self, tmp_path: Path) -> None:
        self.make(DIM).save(tmp_path)
        again = self.reopen(tmp_path, DIM)
        assert len(again) == 0
        again.add([1], unit([(1, 0, 0, 0)]))
        assert again.ids() == [1]

    @pytest.fixture
    def hasty_threads(self) -> Iterator[None]:
        """Make threads interrupt each other within a change, not only every few milliseconds."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(before)

    @pytest.mark.usefixtures("hasty_threads")
    def test_readers_see_whole_changes_only(self) -> None:
        """One thread adds and removes photos 1 to 50 together, always as a block; a search sees all of them or none."""
        rng = np.random.default_rng(0)
        block, index = list(range(1, 51)), self.make(16)
        rows = rng.standard_normal((50, 16)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        other = -rows
        index.add(range(100, 150), rows)
        seen, stop, failures = set[int](), threading.Event(), list[object]()

        def read() -> None:
            while not stop.is_set():
                hits: list[Hit] = index.search(rows[:1], 100)[0]
                found = sorted(hit.photo_id for hit in hits if hit.photo_id < 100)
                seen.add(len(found))
                if found not in ([], block) or len(hits) not in (50, 100):
                    failures.append(found)
                # Photo 1 and 100 have the same row or opposite ones, never something between.
                score = next((hit.score for hit in hits if hit.photo_id == 1), 1.0)
                if abs(abs(score) - 1) > max(self.tolerance, 1e-5):
                    failures.append(score)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        # At least 1000 turns, and until the readers have seen both states; a stuck index fails instead of hanging.
        for turn in range(5000):
            index.add(block, rows)
            index.add(block, other)
            index.remove(block)
            if turn >= 1000 and seen >= {0, 50}:
                break
        stop.set()
        for reader in readers:
            reader.join(timeout=30)
        assert not failures
        assert seen == {0, 50}
        assert index.ids() == list(range(100, 150))


def unit(rows: list[tuple[int, ...]]) -> Matrix:
    """Return the rows at length one, float32, shape (n, DIM)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, DIM)
    scaled: Matrix = (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)
    return scaled
