"""The index that follows the log: opened from its last snapshot, replayed, and kept at most a moment behind."""

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from feira.core.errors import SnapshotCorrupt
from feira.core.index.snapshot import open_snapshot, write_snapshot
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix
from feira.engine.log import ADD, PAGE, REMOVE, IndexLogSource, LogEntry, LogUnavailable
from feira.engine.replay import AnyIndex, apply_entries, compare, replay, row_of
from feira.engine.wire import Verification

LONGEST_BACK_OFF_S = 5.0

logger = logging.getLogger(__name__)


class LiveIndex:
    """One thread follows the log and is the only writer; searches come from any thread.

    A snapshot that is corrupt, of another encoder or of another database costs a replay, never a wrong answer. While
    the database cannot be read, the index serves what it has and asks again, ever more rarely.

    Args:
        encoder_id: whose embeddings are read; each encoder has a snapshot of its own below `snapshots_dir`.
        make_index: an empty index.
        open_source: a new reader of the log; each thread that reads takes its own.
    """

    def __init__(
        self,
        *,
        encoder_id: str,
        make_index: Callable[[], AnyIndex],
        open_source: Callable[[], IndexLogSource],
        snapshots_dir: Path,
        poll_s: float = 0.2,
        snapshot_every_s: float = 60.0,
        snapshot_every_changes: int = 5_000,
    ) -> None:
        self._encoder_id, self._make_index, self._open_source = encoder_id, make_index, open_source
        self._root = snapshots_dir / re.sub(r"[^\w.-]", "_", encoder_id)
        self._poll_s = poll_s
        self._snapshot_every_s, self._snapshot_every_changes = snapshot_every_s, snapshot_every_changes
        self._index = make_index()
        self._applying = threading.Lock()  # held while index and seq change together
        self._seq = 0
        self._anchor: LogEntry | None = None  # the last entry applied, None when only its number is known
        self._lag = 0
        self._fault = ""
        self._snapshot_seq = self._snapshot_tried = 0
        self._snapshot_at = time.monotonic()
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
        started = time.monotonic()
        source, rebuilt = self._open_source(), self._make_index()
        try:
            # The long part runs beside the follower, the last entries while it waits.
            last = replay(rebuilt, source, after=0, upto=self._seq)
            with self._applying:
                replay(rebuilt, source, after=last.seq if last else 0, upto=self._seq)
                return compare(self._index, rebuilt, seq=self._seq, seconds=time.monotonic() - started)
        finally:
            source.close()

    # The follower's thread.

    def _follow(self) -> None:
        self._open_snapshot()
        source = self._open_source()
        back_off_s = self._poll_s
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                more = self._read_on(source)
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
        source.close()
        self._store(at_leisure=False)

    def _read_on(self, source: IndexLogSource) -> bool:
        """Apply the next page; return whether there is more to read at once."""
        # The page begins with the entry applied last. When that is gone or another one, the database was replaced.
        page = source.read(max(self._seq - 1, 0), limit=PAGE)
        if self._seq:
            if not page or not self._is_ours(page[0]):
                self._rebuild(source)
                return True
            page = page[1:]
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
            alone = self._make_index()
            alone.add([entry.photo_id], row[np.newaxis])
            if not np.array_equal(alone.vectors([entry.photo_id]), self._index.vectors([entry.photo_id])):
                return False
        if entry.op == REMOVE and entry.photo_id in self._index:
            return False
        self._anchor = entry
        return True

    def _rebuild(self, source: IndexLogSource) -> None:
        """Build a new index beside the present one and switch."""
        logger.warning("The log no longer holds entry %d as it was applied; rebuilding the index.", self._seq)
        fresh, head = self._make_index(), source.head()
        last = replay(fresh, source, after=0, upto=head, go_on=lambda: not self._stopping.is_set())
        with self._applying:
            self._index, self._seq, self._anchor = fresh, last.seq if last else 0, last
        self._snapshot_due = True

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

    def _store(self, *, at_leisure: bool) -> None:
        """Write a snapshot when one is due; a full disk is no reason to stop serving."""
        if not self._snapshot_due or not self._snapshot_wanted:
            return
        old_enough = time.monotonic() - self._snapshot_at >= self._snapshot_every_s
        # A long first replay writes by the clock only, not every few thousand entries.
        large_enough = self.caught_up and abs(self._seq - self._snapshot_tried) >= self._snapshot_every_changes
        if at_leisure and not old_enough and not large_enough:
            return
        self._snapshot_at, self._snapshot_tried = time.monotonic(), self._seq
        try:
            write_snapshot(self._root, self._index, encoder_id=self._encoder_id, seq=self._seq)
        except (OSError, SnapshotCorrupt) as error:
            logger.warning("The index snapshot cannot be written to %s: %s.", self._root, error)
        else:
            self._snapshot_seq, self._snapshot_due = self._seq, False
