"""Applies index log entries to an index: one rule for following, rebuilding and verifying."""

import logging
from collections.abc import Callable, Iterable

import numpy as np

from feira.core.index.base import CodedIndex
from feira.core.types import Matrix
from feira.engine.log import ADD, REMOVE, IndexLogSource, LogEntry
from feira.engine.wire import Verification

AnyIndex = CodedIndex
SAMPLE = 10

logger = logging.getLogger(__name__)


def apply_entries(index: AnyIndex, entries: Iterable[LogEntry]) -> int:
    """Bring the index from before the first entry to after the last; return how many photos were touched.

    An addition without an embedding by this encoder is skipped, as is an embedding that cannot be one.
    """
    added: dict[int, Matrix] = {}
    removed: set[int] = set()
    for entry in entries:
        if entry.op == REMOVE:
            added.pop(entry.photo_id, None)
            removed.add(entry.photo_id)
        elif entry.op == ADD:
            row = row_of(entry, index.dim)
            if row is not None:
                added[entry.photo_id] = row
        else:
            logger.warning("Index log entry %d has the unknown operation %d; skipped.", entry.seq, entry.op)
    index.remove(sorted(removed - added.keys()))
    if added:
        index.add(list(added), np.stack(list(added.values())))
    return len(removed | added.keys())


def row_of(entry: LogEntry, dim: int) -> Matrix | None:
    """Return the entry's embedding as float32, None when it has none or none that can be compared."""
    if entry.vector is None:
        return None
    vector = bytes(entry.vector)
    row = np.frombuffer(vector, dtype="<f2").astype(np.float32) if len(vector) == 2 * dim else None
    if row is None or not np.isfinite(row).all():
        logger.warning(
            "The embedding of photo %d is not %d finite float16 numbers; the photo is not searchable. Embed it again.",
            entry.photo_id,
            dim,
        )
        return None
    return row


def replay(
    index: AnyIndex,
    source: IndexLogSource,
    *,
    after: int,
    upto: int,
    go_on: Callable[[], bool] = lambda: True,
) -> LogEntry | None:
    """Apply the entries with `after < seq <= upto`; return the last one applied, None when there was none.

    Raises:
        LogUnavailable: the log cannot be read now; what was applied so far stays applied.
    """
    last: LogEntry | None = None
    while go_on():
        page = [entry for entry in source.read(last.seq if last else after) if entry.seq <= upto]
        if not page:
            break
        apply_entries(index, page)
        last = page[-1]
    return last


def compare(live: AnyIndex, rebuilt: AnyIndex, *, seq: int, seconds: float) -> Verification:
    """Return how the live index differs from the rebuilt one; neither changes meanwhile."""
    checksum, expected = live.checksum(), rebuilt.checksum()
    here, there = set(live.ids()), set(rebuilt.ids())
    missing, extra, different = sorted(there - here), sorted(here - there), list[int]()
    if checksum != expected:
        common = sorted(here & there)
        unequal = (live.vectors(common) != rebuilt.vectors(common)).any(axis=1)
        different = np.asarray(common, dtype=np.int64)[unequal].tolist()
    return Verification(
        equal=checksum == expected,
        photos=len(live),
        seq=seq,
        checksum=checksum,
        rebuilt_checksum=expected,
        differences=len(missing) + len(extra) + len(different),
        missing=missing[:SAMPLE],
        extra=extra[:SAMPLE],
        different=different[:SAMPLE],
        seconds=round(seconds, 3),
    )
