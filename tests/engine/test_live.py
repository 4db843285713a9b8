import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.index.scalar import ScalarIndex
from feira.core.index.snapshot import read_manifest, write_snapshot
from feira.engine.live import LiveIndex
from feira.engine.log import LogEntry, LogUnavailable, open_log
from feira.engine.replay import apply_entries
from tests.engine.conftest import until
from tests.engine.shop_tables import ShopTables, SqliteTables, embeddings, unit_rows

ENCODER = "toy@1"
DIM = 12
ROWS = unit_rows(40, DIM)

Follow = Callable[..., LiveIndex]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Start live indexes over a database; all are stopped at the end."""
    started: list[LiveIndex] = []

    def start(
        tables: ShopTables, *, encoder_id: str = ENCODER, folder: str = "index", changes: int = 10**6
    ) -> LiveIndex:
        live = LiveIndex(
            encoder_id=encoder_id,
            make_index=partial(ScalarIndex, DIM),
            open_source=partial(open_log, tables.url, encoder_id),
            snapshots_dir=tmp_path / folder,
            poll_s=0.01,
            snapshot_every_changes=changes,
        )
        started.append(live)
        live.start()
        return live

    yield start
    for live in started:
        live.stop()


def nearest(live: LiveIndex, row: int, k: int = 1) -> list[int]:
    return [hit.photo_id for hit in live.search(ROWS[row : row + 1], k)[1][0]]


def wait_until_caught_up(live: LiveIndex) -> None:
    until(lambda: live.caught_up)


def manifest_seq(tmp_path: Path) -> int:
    manifest = read_manifest(tmp_path / "index" / "toy_1")
    assert manifest is not None
    return manifest.seq


def test_replays_the_log_then_follows_additions_replacements_and_withdrawals(
    tables: ShopTables, follow: Follow
) -> None:
    tables.append([1, 2, 3], ROWS[:3], encoder_id=ENCODER)
    live = follow(tables)
    until(lambda: live.caught_up)
    assert (live.photos, live.seq, live.lag, live.fault) == (3, 3, 0, "")
    assert nearest(live, 2) == [3]

    seq = tables.append([4, 5], ROWS[3:5], encoder_id=ENCODER)
    until(lambda: live.seq == seq)
    assert nearest(live, 4) == [5]

    seq = tables.withdraw([5, 2])
    until(lambda: live.seq == seq)
    assert live.photos == 3
    assert 5 not in nearest(live, 4, k=10)

    verdict = live.verify()
    assert (verdict.equal, verdict.differences, verdict.photos, verdict.seq) == (True, 0, 3, 7)


def test_a_photo_without_an_embedding_of_this_encoder_is_passed_over(tables: ShopTables, follow: Follow) -> None:
    tables.append([1], ROWS[:1], encoder_id="other@9")
    tables.append([2], ROWS[1:2], encoder_id=ENCODER)
    live = follow(tables)
    until(lambda: live.seq == 2)
    assert nearest(live, 0, k=5) == [2]


def test_an_embedding_of_the_wrong_length_or_not_finite_is_passed_over(
    sqlite_tables: SqliteTables, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    sqlite_tables.append([1], ROWS[:1, :5], encoder_id=ENCODER)
    sqlite_tables.append([2], np.full((1, DIM), np.nan, np.float32), encoder_id=ENCODER)
    sqlite_tables.append([3], ROWS[2:3], encoder_id=ENCODER)
    live = follow(sqlite_tables)
    until(lambda: live.seq == 3)
    assert nearest(live, 0, k=5) == [3]
    assert "photo 1 is not 12 finite float16 numbers" in caplog.text


def test_a_log_longer_than_a_page_is_replayed_whole(sqlite_tables: SqliteTables, follow: Follow) -> None:
    rows = unit_rows(4500, DIM, seed=3)
    sqlite_tables.append(range(4500), rows, encoder_id=ENCODER)
    live = follow(sqlite_tables)
    until(lambda: live.caught_up)
    assert (live.photos, live.seq, live.lag) == (4500, 4500, 0)
    assert live.verify().equal


def test_a_clean_stop_leaves_a_snapshot_and_the_next_start_applies_only_the_tail(
    tables: ShopTables, follow: Follow, tmp_path: Path
) -> None:
    tables.append([1, 2, 3], ROWS[:3], encoder_id=ENCODER)
    first = follow(tables)
    until(lambda: first.caught_up)
    first.stop()
    assert manifest_seq(tmp_path) == 3

    # An embedding that vanished without a log entry shows that the entry before the snapshot is not read again.
    tables.execute("DELETE FROM photos_embedding WHERE photo_id = 1")
    tables.append([4], ROWS[3:4], encoder_id=ENCODER)
    second = follow(tables)
    until(lambda: second.caught_up)
    assert (second.snapshot_seq, second.seq, second.photos) == (3, 4, 4)
    assert nearest(second, 0) == [1]


def test_a_snapshot_is_written_while_following_after_so_many_changes(
    sqlite_tables: SqliteTables, follow: Follow
) -> None:
    live = follow(sqlite_tables, changes=3)
    until(lambda: live.caught_up)
    sqlite_tables.append([1, 2], ROWS[:2], encoder_id=ENCODER)
    until(lambda: live.seq == 2)
    assert live.snapshot_seq == 0
    sqlite_tables.append([3], ROWS[2:3], encoder_id=ENCODER)
    until(lambda: live.snapshot_seq == 3)


def test_a_snapshot_that_cannot_be_written_stops_nothing(
    sqlite_tables: SqliteTables, follow: Follow, tmp_path: Path
) -> None:
    (tmp_path / "index").write_text("a file where a folder should be")
    sqlite_tables.append([1], ROWS[:1], encoder_id=ENCODER)
    live = follow(sqlite_tables, changes=1)
    until(lambda: live.caught_up)
    seq = sqlite_tables.append([2], ROWS[1:2], encoder_id=ENCODER)
    until(lambda: live.seq == seq)
    assert (live.snapshot_seq, nearest(live, 1)) == (0, [2])


@contextmanager
def stopped_after(follow: Follow, tables: ShopTables) -> Iterator[str]:
    """Index three photos, stop, and give the checksum of what was there."""
    tables.append([1, 2, 3], ROWS[:3], encoder_id=ENCODER)
    live = follow(tables)
    until(lambda: live.caught_up)
    checksum = live.verify().checksum
    live.stop()
    yield checksum
    again = follow(tables)
    until(lambda: again.caught_up)
    verdict = again.verify()
    assert (verdict.equal, verdict.checksum, again.seq) == (True, checksum, 3)


def test_a_deleted_snapshot_costs_a_replay_only(sqlite_tables: SqliteTables, follow: Follow, tmp_path: Path) -> None:
    with stopped_after(follow, sqlite_tables):
        shutil.rmtree(tmp_path / "index")


@pytest.mark.parametrize("victim", ["CURRENT", "manifest.json", "ids.npy", "codes.npy"])
def test_a_corrupt_snapshot_is_rebuilt_from_the_log(
    sqlite_tables: SqliteTables, follow: Follow, tmp_path: Path, caplog: pytest.LogCaptureFixture, victim: str
) -> None:
    with stopped_after(follow, sqlite_tables):
        (path,) = (tmp_path / "index").rglob(victim)
        content = bytearray(path.read_bytes())
        content[-1] ^= 0xFF
        path.write_bytes(content)
    assert "rebuilding from the log" in caplog.text


def test_a_snapshot_of_another_encoder_is_not_used(
    sqlite_tables: SqliteTables, follow: Follow, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stopped_after(follow, sqlite_tables):
        stranger = ScalarIndex(DIM)
        stranger.add([77], ROWS[:1])
        write_snapshot(tmp_path / "index" / "toy_1", stranger, encoder_id="other@9", seq=3)
    assert "belongs to other@9" in caplog.text


def test_each_encoder_keeps_a_snapshot_of_its_own(sqlite_tables: SqliteTables, follow: Follow) -> None:
    sqlite_tables.append([1], ROWS[:1], encoder_id=ENCODER)
    sqlite_tables.append([2], ROWS[1:2], encoder_id="other@9")
    for encoder_id, expected in [(ENCODER, [1]), ("other@9", [2]), (ENCODER, [1])]:
        live = follow(sqlite_tables, encoder_id=encoder_id)
        wait_until_caught_up(live)
        assert nearest(live, 0, k=5) == expected
        live.stop()


def test_waits_for_a_database_and_for_its_tables(tmp_path: Path, follow: Follow) -> None:
    tables = SqliteTables(tmp_path / "later.sqlite3")
    live = follow(tables)
    until(lambda: "unable to open" in live.fault or "No such file" in live.fault)
    tables.path.touch()
    until(lambda: "no such table" in live.fault)
    assert not live.caught_up
    tables.create()
    tables.append([1], ROWS[:1], encoder_id=ENCODER)
    until(lambda: live.seq == 1)
    assert (live.caught_up, live.fault) == (True, "")


def test_serves_on_while_the_database_is_away_and_catches_up_when_it_returns(
    tables: ShopTables, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tables.append([1, 2], ROWS[:2], encoder_id=ENCODER)
    live = follow(tables)
    until(lambda: live.caught_up)
    tables.execute("ALTER TABLE photos_indexlogentry RENAME TO hidden")
    until(lambda: live.fault)
    assert live.caught_up
    assert nearest(live, 1) == [2]
    with pytest.raises(LogUnavailable):
        live.verify()
    tables.execute("ALTER TABLE hidden RENAME TO photos_indexlogentry")
    seq = tables.append([3], ROWS[2:3], encoder_id=ENCODER)
    until(lambda: live.seq == seq)
    assert live.fault == ""
    assert "can be read again" in caplog.text


def test_a_database_that_was_replaced_while_running_is_indexed_anew(
    sqlite_tables: SqliteTables, follow: Follow
) -> None:
    sqlite_tables.append(list(range(1, 11)), ROWS[:10], encoder_id=ENCODER)
    live = follow(sqlite_tables)
    until(lambda: live.caught_up)
    for path in sqlite_tables.path.parent.glob("feira.sqlite3*"):
        path.unlink()
    sqlite_tables.create()
    sqlite_tables.append([21, 22], ROWS[20:22], encoder_id=ENCODER)
    until(lambda: live.seq == 2)
    assert sorted(nearest(live, 20, k=50)) == [21, 22]
    assert live.verify().equal


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_database_that_was_replaced_while_stopped_is_indexed_anew_however_long_its_log(
    sqlite_tables: SqliteTables, follow: Follow, length: int
) -> None:
    sqlite_tables.append([1, 2, 3], ROWS[:3], encoder_id=ENCODER)
    first = follow(sqlite_tables)
    until(lambda: first.caught_up)
    first.stop()
    sqlite_tables.path.unlink()
    sqlite_tables.create()
    sqlite_tables.append(list(range(1, length + 1)), ROWS[20 : 20 + length], encoder_id=ENCODER)
    second = follow(sqlite_tables)
    wait_until_caught_up(second)
    assert second.seq == length
    assert nearest(second, 21) == [2]
    assert second.verify().equal


def test_verify_finds_what_was_changed_behind_the_log(tables: ShopTables, follow: Follow) -> None:
    tables.append([1, 2, 3, 4], ROWS[:4], encoder_id=ENCODER)
    live = follow(tables)
    until(lambda: live.caught_up)
    ((_, _, other),) = embeddings([3], ROWS[9:10], ENCODER)
    mark = "?" if tables.url.startswith("sqlite") else "%s"
    tables.execute(f"UPDATE photos_embedding SET vector = {mark} WHERE photo_id = 3", (other,))  # noqa: S608
    tables.execute("DELETE FROM photos_embedding WHERE photo_id = 1")
    live._index.remove([4])
    verdict = live.verify()
    assert not verdict.equal
    assert (verdict.missing, verdict.extra, verdict.different, verdict.differences) == ([4], [1], [3], 3)
    assert verdict.checksum != verdict.rebuilt_checksum


operations = st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(0, 39)), max_size=30)


@settings(deadline=None)
@given(operations=operations, cuts=st.lists(st.integers(0, 30)))
def test_the_index_does_not_depend_on_how_the_log_was_cut_into_pages(
    operations: list[tuple[bool, int, int]], cuts: list[int]
) -> None:
    entries = [
        LogEntry(seq, 1, photo_id, ROWS[row].astype("<f2").tobytes()) if adds else LogEntry(seq, 2, photo_id)
        for seq, (adds, photo_id, row) in enumerate(operations, start=1)
    ]
    whole, parts, single = ScalarIndex(DIM), ScalarIndex(DIM), ScalarIndex(DIM)
    apply_entries(whole, entries)
    edges = [0, *sorted(cut for cut in cuts if cut < len(entries)), len(entries)]
    for start, end in pairwise(edges):
        apply_entries(parts, entries[start:end])
    for entry in entries:
        apply_entries(single, [entry])
    assert whole.checksum() == parts.checksum() == single.checksum()
