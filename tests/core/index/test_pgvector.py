"""The index in PostgreSQL keeps the promises of the exact one, on a real server."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import psycopg
import pytest

from feira.core.index import pgvector
from feira.core.index.pgvector import PgvectorIndex, table_for
from feira.core.index.protocol import Index
from feira.core.index.scalar import ScalarIndex
from feira.core.learning.pca import fit_projection
from feira.core.photo_set import PhotoSet
from feira.core.testing.index_conformance import IndexConformance
from feira.core.types import Matrix
from tests.engine.conftest import until
from tests.pgvector import pgvector_server

DIM = 32


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pgvector_server(tmp_path_factory.mktemp("pg")) as address:
        yield address


def a_table() -> str:
    return f"feira_index_test_{secrets.token_hex(4)}"


class TestPgvectorIndex(IndexConformance):
    tolerance = 0.004  # float16 rows and queries
    address: ClassVar[str]
    made: ClassVar[list[PgvectorIndex]] = []

    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> Iterator[None]:
        type(self).address = url
        yield
        while self.made:
            self.made.pop().close()

    def make(self, dim: int) -> Index:
        while len(self.made) > 8:  # an example makes three at most
            self.made.pop(0).close()
        index = PgvectorIndex(self.address, dim, table=a_table(), lasting=False)
        self.made.append(index)
        return index

    def reopen(self, folder: Path, dim: int) -> Index:
        index = self.make(dim)
        assert isinstance(index, PgvectorIndex)
        return index.fill_from(folder)


def rows_of(count: int, *, seed: int) -> Matrix:
    middles = np.random.default_rng(0).standard_normal((60, DIM))
    rng = np.random.default_rng(seed)
    rows = middles[rng.integers(60, size=count)] + 0.6 * rng.standard_normal((count, DIM))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_searches_through_the_graph_are_filled_and_right(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgvector, "GRAPH_FROM", 1000)
    monkeypatch.setattr(pgvector, "EXACT_BELOW", 100)
    rows, queries = rows_of(3000, seed=1), rows_of(20, seed=2)
    index, exact = PgvectorIndex(url, DIM, table=a_table(), lasting=False), ScalarIndex(DIM)
    for each in (index, exact):
        each.add(range(1, 3001), rows)
    assert not index.has_graph()
    index.grow_graph()
    assert index.has_graph()
    with psycopg.connect(url) as connection:
        plan = connection.execute(
            f"EXPLAIN SELECT photo_id FROM {index._name} ORDER BY code <#> %s::halfvec LIMIT 10",  # noqa: S608
            (str(queries[0].tolist()),),
        ).fetchall()
    assert "_graph" in plan[1][0]
    random = np.random.default_rng(3)
    for share in (1.0, 0.5, 0.05, 0.01):
        among = None if share == 1 else PhotoSet(np.flatnonzero(random.random(3000) < share) + 1)
        truth, found = exact.search(queries, 10, among=among), index.search(queries, 10, among=among)
        assert all(len(hits) == min(10, 3000 if among is None else len(among)) for hits in found)
        shares = [
            len({a.photo_id for a in t} & {b.photo_id for b in f}) / len(t) for t, f in zip(truth, found, strict=True)
        ]
        assert np.mean(shares) >= 0.95
    index.remove(range(1, 2995))
    assert [hit.photo_id for hit in index.search(queries[:1], 10)[0]] == [
        hit.photo_id for hit in exact.search(queries[:1], 10, among=range(2995, 3001))[0]
    ]
    index.close()


def test_its_place_in_the_log_outlives_the_process_and_one_process_writes(url: str) -> None:
    table = a_table()
    first, second = PgvectorIndex(url, DIM, table=table), PgvectorIndex(url, DIM, table=table)
    assert first.position() == 0
    assert first.take_the_pen()
    assert not second.take_the_pen()
    first.add([1, 2], rows_of(2, seed=1))
    first.note_position(7)
    assert (second.ids(), second.position()) == ([1, 2], 7)
    assert second.checksum() == first.checksum()
    first.close()
    until(second.take_the_pen)  # the server notices in a moment
    second._lasting = False
    second.close()


def test_a_projection_shortens_what_is_kept(url: str) -> None:
    projection = fit_projection(rows_of(200, seed=1), reduced_dim=8)
    index = PgvectorIndex(url, DIM, projection, table=table_for("Toy@1"), lasting=False)
    rows = rows_of(50, seed=4)
    index.add(range(50), rows)
    assert [hits[0].photo_id for hits in index.search(rows[:5], 1)] == [0, 1, 2, 3, 4]
    assert index.vectors([3]).shape == (1, DIM)
    index.close()
