"""The index that follows the log: opened from its last snapshot, replayed, and kept at most a moment behind."""

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from feira.core.errors import SnapshotCorrupt
from feira.core.index.inverted import InvertedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.index.snapshot import open_snapshot, snapshot_bytes, write_snapshot
from feira.core.learning.pca import Projection
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix
from feira.engine.log import ADD, PAGE, REMOVE, IndexLogSource, LogEntry, LogUnavailable
from feira.engine.parts import OpenParts
from feira.engine.replay import AnyIndex, LogGapError, apply_entries, compare, fill, replay, row_of
from feira.engine.shaping import LISTS_FROM, Build, Building, Built, Shape
from feira.engine.wire import IndexFacts, Verification
from feira.settings import IndexSetting

LONGEST_BACK_OFF_S = 5.0
VERIFY_PATIENCE_S = 60.0
TRY_AGAIN_S = 60.0

logger = logging.getLogger(__name__)


class LiveIndex:
    """One thread follows the log and is the only writer; searches come from any thread.

    A snapshot that is corrupt, of another encoder or of another database costs a replay, never a wrong answer. While
    the database cannot be read, the index serves what it has and asks again, ever more rarely.

    The index takes the shape that suits it: beyond a size it gets inverted lists, and it is built anew when another
    projection comes into force or the catalogue has moved away from its lists. That is done beside the one that
    serves, in another thread, and switched to in one step.

    Args:
        encoder_id: whose embeddings are read; each encoder has a snapshot of its own below `snapshots_dir`.
        make_index: an empty index, with the projection that is given, if any.
        open_source: a new reader of the log; each thread that reads takes its own.
        setting, lists_from, open_parts: see `Shape`.
        check_every_s: seconds between two looks whether memory still holds what was put there.
    """

    def __init__(
        self,
        *,
        encoder_id: str,
        make_index: Callable[[Projection | None], AnyIndex],
        open_source: Callable[[], IndexLogSource],
        snapshots_dir: Path,
        poll_s: float = 0.2,
        snapshot_every_s: float = 60.0,
        snapshot_every_changes: int = 5_000,
        setting: IndexSetting = "auto",
        lists_from: int = LISTS_FROM,
        open_parts: OpenParts | None = None,
        check_every_s: float = 600.0,
    ) -> None:
        self._encoder_id, self._make_index, self._open_source = encoder_id, make_index, open_source
        self._root = snapshots_dir / re.sub(r"[^\w.-]", "_", encoder_id)
        self._poll_s = poll_s
        self._snapshot_every_s, self._snapshot_every_changes = snapshot_every_s, snapshot_every_changes
        self._shape = Shape(setting, encoder_id=encoder_id, open_parts=open_parts, lists_from=lists_from)
        self._building: Building | None = None
        self._improve_after = 0.0
        self._check_every_s, self._checked_at = check_every_s, time.monotonic()
        self._compact_wanted, self._rebuild_wanted = threading.Event(), threading.Event()
        self._index = make_index(None)
        self._applying = threading.Lock()  # held while index and seq change together
        self._seq = 0
        self._anchor: LogEntry | None = None  # the last entry applied, None when only its number is known
        self._lag = 0
        self._fault = ""
        self._snapshot_seq = self._snapshot_tried = 0
        self._snapshot_at = time.monotonic()
        self._snapshot_took_s = 0.0
        self._disk_bytes = 0
        self._snapshot_due, self._snapshot_wanted = False, True
        self._caught_up = threading.Event()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="index-follower", daemon=True)

    @property
    def seq(self) -> int:
        """The last log entry that the index holds."""
        return self._seq

    @property
    def lag(self) -> int:
        """Log entries seen but not yet applied."""
        return self._lag

    @property
    def caught_up(self) -> bool:
        """Whether the index has held the whole log once; stays true."""
        return self._caught_up.is_set()

    @property
    def fault(self) -> str:
        """Why the log cannot be read just now; empty while it can."""
        return self._fault

    @property
    def snapshot_seq(self) -> int:
        """The last log entry that is safe in a snapshot."""
        return self._snapshot_seq

    @property
    def photos(self) -> int:
        """How many photos are searchable."""
        return len(self._index)

    def start(self) -> None:
        """Open the snapshot and begin to follow, in a thread."""
        self._thread.start()

    def stop(self, *, forget: bool = False) -> None:
        """Stop following and write a snapshot when something changed since the last, or delete those there are."""
        self._snapshot_wanted = not forget
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        if forget:
            shutil.rmtree(self._root, ignore_errors=True)

    def nudge(self) -> None:
        """Look at the log now rather than at the next poll."""
        self._wake.set()

    def search(
        self, queries: Matrix, k: int, *, among: PhotoSet | Sequence[int] | None = None
    ) -> tuple[int, list[list[Hit]]]:
        """Return a log entry that the answer surely covers, and the hits of each query.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """
        seq = self._seq
        return seq, self._index.search(queries, k, among=among)

    def verify(self) -> Verification:
        """Rebuild an index from the log and compare it with this one at the same entry; following rests at the end.

        Raises:
            LogUnavailable: the log cannot be read now.
        """
        return self._compared_with(self._make_index(self._index.coding.projection))

    def _compared_with(self, rebuilt: AnyIndex) -> Verification:
        """Fill an empty index from the log and compare it with this one."""
        started, source = time.monotonic(), self._open_source()
        try:
            # The long part runs beside the follower, the last entries while it waits.
            last = fill(rebuilt, source)
            reached = last.seq if last else 0
            self.nudge()
            while self._seq < reached and time.monotonic() - started < VERIFY_PATIENCE_S and not self._fault:
                time.sleep(0.01)
            with self._applying:
                replay(rebuilt, source, after=reached, upto=self._seq)
                if version_of(self._index) != version_of(rebuilt):
                    raise LogUnavailable("The index took over another projection meanwhile. Try again.")
                return compare(self._index, rebuilt, seq=self._seq, seconds=time.monotonic() - started)
        except LogGapError as error:
            raise LogUnavailable("The index log was shortened meanwhile. Try again.") from error
        finally:
            source.close()

    def compact(self, timeout_s: float = 600.0) -> bool:
        """Write a snapshot and open it: exactly as much memory as is needed. Return whether it was done in time.

        It is not while the log cannot be read, or when the index is stopped meanwhile.
        """
        return self._done_by_follower(self._compact_wanted, timeout_s)

    def rebuild(self, timeout_s: float = 600.0) -> bool:
        """Build the index from the log again, beside the one that serves meanwhile. Return whether it was done in time.

        It is not while the log cannot be read, or when the index is stopped meanwhile.
        """
        return self._done_by_follower(self._rebuild_wanted, timeout_s)

    def _done_by_follower(self, wanted: threading.Event, timeout_s: float) -> bool:
        """Ask the follower, the only writer, for something, and wait until it is done."""
        wanted.set()
        self.nudge()
        deadline = time.monotonic() + timeout_s
        while wanted.is_set() and time.monotonic() < deadline:
            if self._fault or self._stopping.is_set():
                break
            time.sleep(0.02)
        return not wanted.is_set()

    def facts(self) -> IndexFacts:
        """Return what kind of index this is and what it takes; from any thread."""
        index, photos = self._index, max(len(self._index), 1)
        projection = index.coding.projection
        memory, disk = index.memory_bytes(), self._disk_bytes
        inverted = index if isinstance(index, InvertedIndex) else None
        return IndexFacts(
            kind=index.kind,
            dim=index.coding.width,
            projection=projection.version if projection else "",
            lists=inverted.lists if inverted else 0,
            recall=inverted.measured_recall if inverted else 1.0,
            memory_bytes=memory,
            memory_bytes_per_photo=round(memory / photos, 1),
            disk_bytes=disk,
            disk_bytes_per_photo=round(disk / photos, 1),
            building=self._building is not None,
        )

    # The follower's thread.

    def _follow(self) -> None:
        self._open_snapshot()
        source = self._open_source()
        back_off_s = self._poll_s
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                more = self._read_on(source)
                if not more:
                    self._improve(source)
            except Exception as error:  # a follower that died unseen would stay behind for ever
                if str(error) != self._fault:
                    # Only a database that is away is expected; of anything else the log gets the whole story.
                    known = isinstance(error, LogUnavailable)
                    logger.warning("%s Serving entry %d meanwhile.", error, self._seq, exc_info=not known)
                self._fault = str(error) or type(error).__name__
                self._wake.wait(back_off_s)
                back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)
                continue
            if self._fault:
                logger.info("The index log can be read again.")
            self._fault, back_off_s = "", self._poll_s
            self._store(at_leisure=True)
            if not more:
                self._wake.wait(self._poll_s)
        self._give_up_building()
        self._shape.close()
        source.close()
        self._store(at_leisure=False)

    def _read_on(self, source: IndexLogSource) -> bool:
        """Apply the next page; return whether there is more to read at once."""
        # The page begins with the entry applied last. When that is gone or another one, the database was replaced.
        page = source.read(max(self._seq - 1, 0), limit=PAGE)
        if self._seq:
            if not page or not self._is_ours(page[0]):
                logger.warning("The log no longer holds entry %d as it was applied; rebuilding.", self._seq)
                self._rebuild(source)
                return True
            page = page[1:]
        elif page and page[0].seq > 1:
            self._rebuild(source)  # the log's beginning was deleted long ago
            return True
        if page:
            with self._applying:
                apply_entries(self._index, page)
                self._seq, self._anchor = page[-1].seq, page[-1]
            self._snapshot_due = True
        if len(page) < PAGE - 1:
            self._lag = 0
            self._caught_up.set()
            return False
        self._lag = max(source.head() - self._seq, 0)
        return True

    def _is_ours(self, entry: LogEntry) -> bool:
        """Whether the log's entry at our place is the one this index was built from."""
        if entry.seq != self._seq:
            return False
        if self._anchor is not None:
            return (entry.op, entry.photo_id) == (self._anchor.op, self._anchor.photo_id)
        # Just opened from a snapshot: the photo of the last entry must be as the log says.
        row = row_of(entry, self._index.dim)
        if entry.op == ADD and row is not None:
            if entry.photo_id not in self._index:
                return False
            code = self._index.coding.encode(row[np.newaxis])
            if not np.array_equal(code, self._index.codes([entry.photo_id])):
                return False
        if entry.op == REMOVE and entry.photo_id in self._index:
            return False
        self._anchor = entry
        return True

    def _rebuild(self, source: IndexLogSource) -> None:
        """Build a new index beside the present one and switch."""
        self._give_up_building()
        fresh = self._make_index(self._shape.projection(self._index.dim))
        last = fill(fresh, source, go_on=lambda: not self._stopping.is_set())
        if self._stopping.is_set():
            return
        with self._applying:
            self._index, self._seq, self._anchor = fresh, last.seq if last else 0, last
        self._snapshot_due = True

    def _improve(self, source: IndexLogSource) -> None:
        """Take over what was built beside this index, or begin to, when something else would suit better."""
        now = time.monotonic()
        if self._rebuild_wanted.is_set():
            self._rebuild(source)
            if not self._stopping.is_set():
                self._rebuild_wanted.clear()
        elif self._compact_wanted.is_set():
            self._tighten()
        elif self._building is not None:
            self._take_over(self._building, source)
        elif now - self._checked_at >= self._check_every_s:
            self._checked_at = now
            if not self._index.is_intact():
                logger.error("The index of %s changed in memory by itself; rebuilding it.", self._encoder_id)
                self._rebuild(source)
        elif now >= self._improve_after and (build := self._better()) is not None:
            self._building = Building(build)

    def _better(self) -> Build | None:
        """Return how to build what would suit better than the present index, None when nothing would."""
        index, since, projection = self._index, self._seq, self._shape.projection(self._index.dim)
        if not isinstance(index, ScalarIndex | InvertedIndex):
            return None
        kind = self._shape.kind(index)
        if self._shape.is_known and (projection.version if projection else "") != version_of(index):
            return partial(self._built_anew, projection, kind)
        if kind == ScalarIndex.kind and index.kind != kind:
            return lambda go_on: (ScalarIndex.copied(index, go_on=go_on), since)
        if kind == InvertedIndex.kind and (
            index.kind != kind or (isinstance(index, InvertedIndex) and index.is_stale())
        ):
            return lambda go_on: (InvertedIndex.retrained(index, go_on=go_on), since)
        return None

    def _built_anew(self, projection: Projection | None, kind: str, go_on: Callable[[], bool]) -> Built:
        """Build an index from the database, in the builder's thread."""
        source, fresh = self._open_source(), self._make_index(projection)
        try:
            last = fill(fresh, source, go_on=go_on)
        finally:
            source.close()
        return InvertedIndex.retrained(
            fresh, go_on=go_on
        ) if kind == InvertedIndex.kind else fresh, last.seq if last else 0

    def _take_over(self, building: Building, source: IndexLogSource) -> None:
        """Switch to an index that is built, once it has caught up."""
        if not building.is_done:
            return
        if building.built is None:
            self._building, self._improve_after = None, time.monotonic() + TRY_AGAIN_S
            return
        index, since = building.built
        if since > self._seq:
            return  # it knows entries that the follower has yet to read
        self._building = None
        try:
            replay(index, source, after=since, upto=self._seq)
        except LogGapError:
            return
        with self._applying:
            self._index = index
        self._snapshot_due = True
        logger.info("The index of %s is %s now, %d photos.", self._encoder_id, index.kind, len(index))

    def _tighten(self) -> None:
        self._snapshot_due = True
        self._store(at_leisure=False)
        if self._snapshot_seq == self._seq and not self._snapshot_due:
            self._open_snapshot()
        self._compact_wanted.clear()

    def _give_up_building(self) -> None:
        if self._building is not None:
            self._building.stop()
            self._building = None

    def _open_snapshot(self) -> None:
        try:
            found = open_snapshot(self._root)
        except SnapshotCorrupt as error:
            logger.warning("%s Deleting it and rebuilding from the log.", error)
            shutil.rmtree(self._root, ignore_errors=True)
            return
        if found is None:
            return
        index, manifest = found
        if manifest.encoder_id != self._encoder_id or index.dim != self._index.dim:
            logger.warning("The snapshot in %s belongs to %s; rebuilding.", self._root, manifest.encoder_id)
            return
        with self._applying:
            self._index, self._seq = index, manifest.seq
        self._snapshot_seq = self._snapshot_tried = manifest.seq
        self._disk_bytes = snapshot_bytes(self._root)

    def _store(self, *, at_leisure: bool) -> None:
        """Write a snapshot when one is due; a full disk is no reason to stop serving."""
        if not self._snapshot_due or not self._snapshot_wanted:
            return
        waited_s = time.monotonic() - self._snapshot_at
        old_enough = waited_s >= self._snapshot_every_s
        # A long first replay writes by the clock only, not every few thousand entries.
        large_enough = self.caught_up and abs(self._seq - self._snapshot_tried) >= self._snapshot_every_changes
        # What takes long to write is written seldom: a twentieth of the time at most.
        affordable = waited_s >= 20 * self._snapshot_took_s
        if at_leisure and not (affordable and (old_enough or large_enough)):
            return
        self._snapshot_at, self._snapshot_tried = time.monotonic(), self._seq
        try:
            write_snapshot(self._root, self._index, encoder_id=self._encoder_id, seq=self._seq)
        except (OSError, SnapshotCorrupt) as error:
            logger.warning("The index snapshot cannot be written to %s: %s.", self._root, error)
        else:
            self._snapshot_seq, self._snapshot_due = self._seq, False
            self._snapshot_took_s = time.monotonic() - self._snapshot_at
            self._disk_bytes = snapshot_bytes(self._root)


def version_of(index: AnyIndex) -> str:
    """Return the version of the index's projection, empty when it has none."""
    projection = index.coding.projection
    return projection.version if projection else ""
