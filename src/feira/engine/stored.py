"""The live index when it lives in PostgreSQL: one engine writes it down, all of them search it."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from feira.core.errors import Misconfigured
from feira.core.index.base import CodedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.learning.pca import Projection
from feira.engine.config import EngineConfig
from feira.engine.live import LiveIndex
from feira.engine.log import IndexLogSource, open_log
from feira.engine.parts import open_parts
from feira.engine.replay import fill
from feira.engine.shaping import Build
from feira.engine.wire import IndexFacts, Verification

try:
    import psycopg

    from feira.core.index.pgvector import GRAPH_FROM, PgvectorIndex, table_for
except ImportError:  # the extra `postgres` is not installed
    PgvectorIndex = None  # type: ignore[assignment, misc]

COUNT_EVERY_S = 5.0
NOTHING_KNOWN = IndexFacts(
    kind="pgvector",
    dim=0,
    projection="",
    lists=0,
    recall=None,
    memory_bytes=0,
    memory_bytes_per_photo=0.0,
    disk_bytes=0,
    disk_bytes_per_photo=0.0,
    building=False,
)


def live_index(config: EngineConfig, *, encoder_id: str, dim: int) -> LiveIndex:
    """Return the index of an encoder as the configuration wants it; it is not started yet.

    Raises:
        Misconfigured: `pgvector` without PostgreSQL or its driver.
    """
    kind: type[LiveIndex] = LiveIndex
    make_index: Callable[[Projection | None], CodedIndex] = partial(ScalarIndex, dim)
    if config.index == "pgvector":
        if urlsplit(config.database_url).scheme not in {"postgres", "postgresql"} or PgvectorIndex is None:
            raise Misconfigured(
                "FEIRA_INDEX is pgvector, which needs PostgreSQL as FEIRA_DATABASE_URL, and its driver."
            )
        kind, make_index = StoredIndex, partial(_in_database, config.database_url, encoder_id, dim)
    return kind(
        encoder_id=encoder_id,
        make_index=make_index,
        open_source=partial(open_log, config.database_url, encoder_id),
        snapshots_dir=config.snapshots_dir,
        poll_s=config.poll_s,
        snapshot_every_s=config.snapshot_every_s,
        snapshot_every_changes=config.snapshot_every_changes,
        setting=config.index,
        open_parts=partial(open_parts, config.database_url),
    )


def _in_database(url: str, encoder_id: str, dim: int, _projection: Projection | None) -> CodedIndex:
    # Rows keep their length there: a table of another shape would have to appear to all engines at once.
    return PgvectorIndex(url, dim, table=table_for(encoder_id))


class StoredIndex(LiveIndex):
    """Keeps a table up to date instead of snapshots; the table says itself which log entry it has reached.

    Of several engines the one that holds the table's lock writes, the others follow what it has written. When it goes,
    the next takes over where it ended.
    """

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._counted_at, self._photos, self._facts = -COUNT_EVERY_S, 0, NOTHING_KNOWN

    @property
    def photos(self) -> int:
        """How many photos are searchable; counted every few seconds."""
        self._count()
        return self._photos

    def facts(self) -> IndexFacts:
        """See LiveIndex."""
        self._count()
        return self._facts

    def verify(self) -> Verification:
        """Compare the table with one that is filled beside it, and dropped again."""
        rebuilt = self._table().beside()
        try:
            return self._compared_with(rebuilt)
        finally:
            rebuilt.close()

    def _table(self) -> "PgvectorIndex":
        assert isinstance(self._index, PgvectorIndex)  # noqa: S101
        return self._index

    def _count(self) -> None:
        if time.monotonic() - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = time.monotonic()
            try:
                self._disk_bytes, self._photos = self._table().disk_bytes(), len(self._table())
                self._facts = msgspec.structs.replace(super().facts(), recall=None)
            except psycopg.Error:
                pass  # the database is away: what was known has to do, and the follower tells

    def _open_snapshot(self) -> None:
        self._seq = self._snapshot_seq = self._table().position()

    def _store(self, *, at_leisure: bool) -> None:
        if self._snapshot_due and self._table().take_the_pen():
            self._table().note_position(self._seq)
            self._snapshot_seq, self._snapshot_due = self._seq, False
        if not at_leisure:
            if not self._snapshot_wanted and self._table().take_the_pen():
                self._table().drop()
            self._table().close()

    def _tighten(self) -> None:
        self._compact_wanted.clear()  # the database looks after its own room

    def _read_on(self, source: IndexLogSource) -> bool:
        if self._table().take_the_pen():
            return super()._read_on(source)
        self._seq = self._snapshot_seq = self._table().position()
        self._lag = max(source.head() - self._seq, 0)
        if self._lag == 0:
            self._caught_up.set()
        return False

    def _rebuild(self, source: IndexLogSource) -> None:
        self._give_up_building()
        table = self._table()
        if not table.take_the_pen():
            return  # whoever writes the table fills it again when asked
        table.remove(table.id_array())
        last = fill(table, source, go_on=lambda: not self._stopping.is_set())
        if not self._stopping.is_set():
            self._seq, self._anchor, self._snapshot_due = last.seq if last else 0, last, True

    def _better(self) -> Build | None:
        table, since = self._table(), self._seq
        self._improve_after = time.monotonic() + COUNT_EVERY_S
        if not table.take_the_pen() or table.has_graph() or len(table) < GRAPH_FROM:
            return None

        def grow(_go_on: object) -> tuple[CodedIndex, int]:
            table.grow_graph()
            return table, since

        return grow
