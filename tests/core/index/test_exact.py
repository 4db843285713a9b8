"""The exact index keeps every promise with nothing but rounding between it and the truth."""

from pathlib import Path

import numpy as np

from feira.core.index.exact import ExactIndex
from feira.core.index.protocol import Index
from feira.core.testing.index_conformance import IndexConformance


class TestExactIndex(IndexConformance):
    def make(self, dim: int) -> Index:
        return ExactIndex(dim)

    def reopen(self, folder: Path, dim: int) -> Index:
        return ExactIndex(dim).fill_from(folder)


def test_equal_rows_tie_wherever_they_lie_among_real_numbers() -> None:
    """A float32 matrix product may round equal rows differently by their place; the index must not show it."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((1003, 259)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    twins = [3, 500, 998, 1002]
    rows[twins] = rows[0]
    index = ExactIndex(259)
    index.add(range(2000, 2000 - len(rows), -1), rows)
    for query in rows[:40]:
        (hits,) = index.search(query[None], len(rows))
        scores = {hit.photo_id: hit.score for hit in hits}
        assert len({scores[2000 - place] for place in [0, *twins]}) == 1
    (hits,) = index.search(rows[:1], 5)
    assert [hit.photo_id for hit in hits] == [998, 1002, 1500, 1997, 2000]


def test_the_best_are_those_of_a_plain_sort() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((500, 33)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = ExactIndex(33)
    index.add(range(500), rows)
    for query in rows[:25]:
        expected = np.argsort(-(rows.astype(np.float64) @ query.astype(np.float64)), kind="stable")[:17]
        assert [hit.photo_id for hit in index.search(query[None], 17)[0]] == expected.tolist()
