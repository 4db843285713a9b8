"""The index in PostgreSQL follows the log like any other, for several engines at once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from feira.core.errors import Misconfigured
from feira.engine.config import EngineConfig
from feira.engine.live import LiveIndex
from feira.engine.stored import StoredIndex, live_index
from tests.engine.conftest import until
from tests.engine.shop_tables import PostgresTables, SqliteTables, unit_rows
from tests.pgvector import pgvector_server

ENCODER, DIM = "toy@1", 16
ROWS = unit_rows(60, DIM)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresTables]:
    with pgvector_server(tmp_path_factory.mktemp("pg")) as url:
        tables = PostgresTables(url)
        tables.create()
        yield tables


@contextmanager
def following(tables: PostgresTables, folder: Path, count: int = 1) -> Iterator[list[LiveIndex]]:
    config = EngineConfig(
        encoder="toy",
        models_dir=folder,
        database_url=tables.url,
        snapshots_dir=folder / "index",
        poll_s=0.02,
        index="pgvector",
    )
    with ExitStack() as stack:
        indexes = [live_index(config, encoder_id=ENCODER, dim=DIM) for _ in range(count)]
        for index in indexes:
            index.start()
            stack.callback(index.stop)
        until(lambda: all(index.caught_up for index in indexes), timeout_s=30)
        yield indexes


def nearest(live: LiveIndex, row: int) -> int:
    return live.search(ROWS[row : row + 1], 1)[1][0][0].photo_id


def test_engines_share_one_index_and_the_next_writes_when_one_goes(tables: PostgresTables, tmp_path: Path) -> None:
    seq = tables.append(range(1, 21), ROWS[:20], encoder_id=ENCODER)
    with following(tables, tmp_path, 2) as (first, second):
        assert isinstance(first, StoredIndex)
        until(lambda: first.seq == second.seq == seq)
        assert nearest(first, 7) == nearest(second, 7) == 8
        seq = tables.withdraw([8])
        until(lambda: first.seq == second.seq == seq)
        assert nearest(first, 7) == nearest(second, 7) != 8
        writer, other = (first, second) if first._table().take_the_pen() else (second, first)
        writer.stop()
        seq = tables.append([30], ROWS[29:30], encoder_id=ENCODER)
        until(lambda: other.seq == seq, timeout_s=30)
        assert nearest(other, 29) == 30
        verdict = other.verify()
        assert (verdict.equal, verdict.photos, other.facts().kind) == (True, 20, "pgvector")
    assert not (tmp_path / "index").exists()
    with following(tables, tmp_path) as (again,):
        assert (again.seq, nearest(again, 29)) == (seq, 30)
        again.stop(forget=True)
    with following(tables, tmp_path) as (anew,):
        assert (anew.photos, nearest(anew, 29)) == (20, 30)


def test_without_postgresql_it_is_refused(sqlite_tables: SqliteTables, config: EngineConfig) -> None:
    with pytest.raises(Misconfigured, match="FEIRA_INDEX"):
        live_index(replace(config, index="pgvector"), encoder_id=ENCODER, dim=DIM)
    assert not isinstance(live_index(config, encoder_id=ENCODER, dim=DIM), StoredIndex)
