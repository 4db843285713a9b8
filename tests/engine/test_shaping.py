"""The live index changes its kind and its projection beside the one that serves, and outlives what happens to it."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from feira.core.index.inverted import InvertedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.learning.pca import Projection, fit_projection
from feira.engine.live import LiveIndex
from feira.engine.log import open_log
from feira.engine.parts import open_parts
from tests.engine.conftest import until
from tests.engine.shop_tables import ShopTables, SqliteTables, unit_rows

ENCODER, DIM = "toy@1", 96
ROWS = unit_rows(3000, DIM)

Follow = Callable[..., LiveIndex]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    started: list[LiveIndex] = []

    def start(tables: ShopTables, **facts: object) -> LiveIndex:
        live = LiveIndex(
            encoder_id=ENCODER,
            make_index=partial(ScalarIndex, DIM),
            open_source=partial(open_log, tables.url, ENCODER),
            open_parts=partial(open_parts, tables.url),
            snapshots_dir=tmp_path / "index",
            poll_s=0.01,
            **facts,  # type: ignore[arg-type]
        )
        started.append(live)
        live.start()
        until(lambda: live.caught_up, timeout_s=30)
        return live

    yield start
    for live in started:
        live.stop()


def nearest(live: LiveIndex, row: int) -> int:
    return live.search(ROWS[row : row + 1], 1)[1][0][0].photo_id


def test_a_growing_catalogue_gets_lists_while_it_is_searched_and_changed(
    sqlite_tables: SqliteTables, follow: Follow
) -> None:
    sqlite_tables.append(range(1, 1501), ROWS[:1500], encoder_id=ENCODER)
    live = follow(sqlite_tables, lists_from=2000)
    assert live.facts().kind == "scalar"
    sqlite_tables.append(range(1501, 2501), ROWS[1500:2500], encoder_id=ENCODER)
    photo_id = 2500
    while live.facts().kind != "inverted":  # searched and changed all the time
        photo_id += 1
        if photo_id <= 3000:
            sqlite_tables.append([photo_id], ROWS[photo_id - 1 : photo_id], encoder_id=ENCODER)
        assert nearest(live, 700) == 701
        time.sleep(0.01)
    seq = sqlite_tables.withdraw([1, 2])
    until(lambda: live.seq == seq)
    assert live.facts().lists > 1
    verdict = live.verify()
    assert (verdict.equal, verdict.photos) == (True, min(photo_id, 3000) - 2)


def test_lists_come_back_from_the_snapshot_and_go_when_the_catalogue_has_shrunk(
    sqlite_tables: SqliteTables, follow: Follow
) -> None:
    sqlite_tables.append(range(1, 3001), ROWS, encoder_id=ENCODER)
    first = follow(sqlite_tables, lists_from=2000)
    until(lambda: first.facts().kind == "inverted", timeout_s=30)
    first.stop()
    again = follow(sqlite_tables, lists_from=2000)
    assert again.facts().kind == "inverted"
    seq = sqlite_tables.withdraw(range(1, 2001))
    until(lambda: again.seq == seq and again.facts().kind == "inverted", timeout_s=30)
    seq = sqlite_tables.withdraw(range(2001, 2101))
    until(lambda: again.seq == seq and again.facts().kind == "scalar", timeout_s=30)
    assert again.verify().equal


def test_a_setting_asks_for_one_kind_whatever_the_size(sqlite_tables: SqliteTables, follow: Follow) -> None:
    sqlite_tables.append(range(1, 1201), ROWS[:1200], encoder_id=ENCODER)
    assert follow(sqlite_tables, setting="exact", lists_from=10).facts().kind == "scalar"
    eager = follow(sqlite_tables, setting="inverted")
    until(lambda: eager.facts().kind == "inverted", timeout_s=30)
    assert nearest(eager, 5) == 6


def set_projection(tables: ShopTables, content: bytes, version: int) -> None:
    mark = "?" if tables.url.startswith("sqlite") else "%s"
    tables.execute("UPDATE learning_learnedpart SET state = 'previous'")
    tables.execute(
        f"INSERT INTO learning_learnedpart VALUES ('projection', '{ENCODER}', {version}, {mark}, 'live')",  # noqa: S608
        (content,),
    )


def test_another_projection_is_built_beside_and_taken_over(
    tables: ShopTables, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    binary = "BLOB" if tables.url.startswith("sqlite") else "BYTEA"
    tables.execute(
        "CREATE TABLE learning_learnedpart"
        f" (part VARCHAR(30), about VARCHAR(120), version INT, content {binary}, state VARCHAR(10))"
    )
    tables.append(range(1, 501), ROWS[:500], encoder_id=ENCODER)
    projection = fit_projection(ROWS, reduced_dim=64)
    set_projection(tables, projection.pack(), 1)
    live = follow(tables)
    until(lambda: live.facts().projection == projection.version, timeout_s=30)
    assert live.facts().dim == 64
    assert nearest(live, 41) == 42
    assert live.verify().equal
    seq = tables.append([900], ROWS[900:901], encoder_id=ENCODER)
    until(lambda: live.seq == seq)
    assert nearest(live, 900) == 900
    live.stop()

    set_projection(tables, b"nonsense", 2)
    again = follow(tables)
    assert (again.facts().projection, nearest(again, 41)) == (projection.version, 42)
    until(lambda: "cannot be used" in caplog.text)
    set_projection(tables, Projection(projection.directions[:, ::-1].copy()).pack(), 3)
    again._shape._asked_at -= 10.0  # rather than wait for the next look
    until(lambda: again.facts().projection not in {"", projection.version}, timeout_s=30)
    assert again.verify().equal
    tables.execute("UPDATE learning_learnedpart SET state = 'retired'")
    again._shape._asked_at -= 10.0
    until(lambda: again.facts().projection == "", timeout_s=30)
    assert (again.facts().dim, nearest(again, 41), again.verify().equal) == (128, 42, True)


def with_photos(tables: ShopTables, searchable: range) -> None:
    tables.execute("CREATE TABLE photos_photo (id BIGINT PRIMARY KEY, searchable BOOLEAN NOT NULL)")
    for photo_id in searchable:
        tables.execute(f"INSERT INTO photos_photo VALUES ({photo_id}, TRUE)")  # noqa: S608


def test_a_log_whose_beginning_is_gone_costs_new_and_lagging_engines_a_fresh_start(
    tables: ShopTables, follow: Follow
) -> None:
    tables.append(range(1, 41), ROWS[:40], encoder_id=ENCODER)
    lagging = follow(tables)
    lagging.stop()
    tables.withdraw([1, 2, 3])
    tables.append([50], ROWS[49:50], encoder_id=ENCODER)
    with_photos(tables, range(4, 41))
    tables.execute("INSERT INTO photos_photo VALUES (50, TRUE), (51, FALSE)")
    tables.execute("DELETE FROM photos_indexlogentry WHERE seq < 44")
    for live in (follow(tables), follow(tables)):  # the first has the old snapshot, the second that of the first
        assert (live.photos, live.seq) == (38, 44)
        assert nearest(live, 49) == 50
        assert live.verify().equal
    seq = tables.append([51], ROWS[50:51], encoder_id=ENCODER)
    tables.execute("UPDATE photos_photo SET searchable = TRUE WHERE id = 51")
    until(lambda: live.seq == seq)
    assert live.verify().equal


@pytest.mark.parametrize("kind", ["scalar", "inverted"])
def test_a_bit_that_flips_in_memory_is_noticed_and_healed(
    sqlite_tables: SqliteTables, follow: Follow, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    sqlite_tables.append(range(1, 1101), ROWS[:1100], encoder_id=ENCODER)
    live = follow(sqlite_tables, setting="exact" if kind == "scalar" else "inverted", check_every_s=0.05)
    until(lambda: live.facts().kind == kind, timeout_s=30)
    index = live._index
    if isinstance(index, ScalarIndex):
        index._table()[7, 3] ^= 4
    else:
        assert isinstance(index, InvertedIndex)
        number = int(index._lists.list_of(np.array([8]))[0])
        index._lists._view(number)[1][0, 3] ^= 4
    until(lambda: live._index is not index, timeout_s=30)
    assert "changed in memory by itself" in caplog.text
    assert live.verify().equal


def test_an_index_is_built_from_the_log_again_while_it_serves(sqlite_tables: SqliteTables, follow: Follow) -> None:
    sqlite_tables.append(range(1, 501), ROWS[:500], encoder_id=ENCODER)
    live = follow(sqlite_tables)
    until(lambda: live.photos == 500)
    index, seq = live._index, live.seq
    index.remove([7, 8])  # as after a fault in memory
    assert not live.verify().equal
    assert live.rebuild(30)
    assert live._index is not index
    assert (live.photos, live.seq, live.verify().equal) == (500, seq, True)


def test_compacting_gives_room_back_and_loses_nothing(sqlite_tables: SqliteTables, follow: Follow) -> None:
    sqlite_tables.append(range(1, 2001), ROWS[:2000], encoder_id=ENCODER)
    live = follow(sqlite_tables)
    seq = sqlite_tables.withdraw(range(1, 1901))
    until(lambda: live.seq == seq)
    before, index = live.facts(), live._index
    assert live.compact(30)
    assert live._index is not index
    assert live.facts().memory_bytes < before.memory_bytes
    assert (live.photos, live.snapshot_seq, live.verify().equal) == (100, seq, True)
