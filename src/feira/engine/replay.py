"""Applies index log entries to an index: one rule for following, filling and verifying."""

import logging
from collections.abc import Callable, Iterable

import numpy as np

from feira.core.index.base import CodedIndex
from feira.core.types import Matrix
from feira.engine.log import ADD, PAGE, REMOVE, IndexLogSource, LogEntry
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
    return None if entry.vector is None else unpacked_row(entry.photo_id, bytes(entry.vector), dim)


def unpacked_row(photo_id: int, vector: bytes, dim: int) -> Matrix | None:
    """Return a stored embedding as float32, None when it cannot be compared."""
    row = np.frombuffer(vector, dtype="<f2").astype(np.float32) if len(vector) == 2 * dim else None
    if row is None or not np.isfinite(row).all():
        logger.warning(
            "The embedding of photo %d is not %d finite float16 numbers; the photo is not searchable. Embed it again.",
            photo_id,
            dim,
        )
        return None
    return row


class LogGapError(Exception):
    """Entries between the place asked for and the next one there are gone."""


def fill(index: AnyIndex, source: IndexLogSource, *, go_on: Callable[[], bool] = lambda: True) -> LogEntry | None:
    """Fill an empty index with what is searchable; return the log entry to follow from, None while the log is empty.

    The whole log is replayed as long as it is whole. Once its beginning has been deleted, what is searchable now is
    read instead, and the log since the moment that this began: whatever changed meanwhile stands in there.

    Raises:
        LogUnavailable: the database cannot be read now.
    """
    head = source.head()
    try:
        return replay(index, source, after=0, upto=head, go_on=go_on)
    except LogGapError:
        index.remove(index.ids())
    photo_id = 0
    while go_on() and (page := source.searchable(photo_id)):
        photo_id = page[-1][0]
        rows = {each: row for each, vector in page if (row := unpacked_row(each, vector, index.dim)) is not None}
        if rows:
            index.add(list(rows), np.stack(list(rows.values())))
    try:
        # Down to the last entry at least, so that the follower knows which one it was.
        return replay(index, source, after=head - 1, upto=source.head(), go_on=go_on)
    except LogGapError:
        return fill(index, source, go_on=go_on) if go_on() else None


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
        LogGapError: entries are gone; what was applied so far stays applied.
    """
    last: LogEntry | None = None
    while go_on():
        reached = last.seq if last else after
        page = [entry for entry in source.read(reached) if entry.seq <= upto]
        if not page:
            break
        if page[0].seq != reached + 1:
            raise LogGapError
        apply_entries(index, page)
        last = page[-1]
    return last


def compare(live: AnyIndex, rebuilt: AnyIndex, *, seq: int, seconds: float) -> Verification:
    """Return how the live index differs from the rebuilt one; neither changes meanwhile."""
    checksum, expected = live.checksum(), rebuilt.checksum()
    here, there = live.id_array(), rebuilt.id_array()
    missing, extra, different = np.setdiff1d(there, here).tolist(), np.setdiff1d(here, there).tolist(), list[int]()
    if checksum != expected:
        common = np.intersect1d(here, there)
        for start in range(0, len(common), PAGE):
            some = common[start : start + PAGE]
            different += some[(live.codes(some) != rebuilt.codes(some)).any(axis=1)].tolist()
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
