"""Which kind of index suits a catalogue, and building a better one beside the one that serves."""

import logging
import threading
import time
from collections.abc import Callable

from feira.core.errors import FeiraError
from feira.core.index.base import CodedIndex
from feira.core.index.inverted import InvertedIndex
from feira.core.index.scalar import ScalarIndex
from feira.core.learning.pca import Projection
from feira.engine.database import LogUnavailable
from feira.engine.parts import OpenParts
from feira.settings import IndexSetting

PROJECTION = "projection"
LISTS_FROM = 200_000
# With fewer photos than this there is nothing to cluster, whatever the setting says.
LISTS_AT_ALL = 1_000
PARTS_EVERY_S = 5.0

Built = tuple[CodedIndex, int]
Build = Callable[[Callable[[], bool]], Built]

logger = logging.getLogger(__name__)


class Shape:
    """What the index of one encoder ought to be: its kind by setting and size, its projection by what is in force.

    Used by one thread.

    Args:
        setting: `auto` scans everything up to `lists_from` photos and uses inverted lists beyond.
        encoder_id: whose projection is meant.
        open_parts: a reader of learned parts; None where there are none.
    """

    def __init__(
        self, setting: IndexSetting, *, encoder_id: str, open_parts: OpenParts | None, lists_from: int = LISTS_FROM
    ) -> None:
        self._setting, self._encoder_id, self._lists_from = setting, encoder_id, lists_from
        self._parts = open_parts() if open_parts else None
        self._asked_at = time.monotonic() - PARTS_EVERY_S
        self._part_version: int | None = None
        self._projection: Projection | None = None
        self.is_known = False  # whether the database has said which projection is in force, or that none is

    def kind(self, index: CodedIndex) -> str:
        """Return the kind that suits what this index holds; lists are given up only at half the size they began."""
        if self._setting == "inverted":
            return InvertedIndex.kind if len(index) >= LISTS_AT_ALL else ScalarIndex.kind
        if self._setting != "auto":
            return ScalarIndex.kind
        least = self._lists_from // 2 if index.kind == InvertedIndex.kind else self._lists_from
        return InvertedIndex.kind if len(index) >= least else ScalarIndex.kind

    def projection(self, dim: int) -> Projection | None:
        """Return the projection in force for rows of this length; looked up every few seconds."""
        if self._parts is not None and time.monotonic() - self._asked_at >= PARTS_EVERY_S:
            self._asked_at = time.monotonic()
            try:
                version = self._parts.version(PROJECTION, self._encoder_id)
                if version != self._part_version:
                    part = self._parts.read(PROJECTION, self._encoder_id) if version is not None else None
                    self._projection = Projection.unpack(part.content) if part else None
                    self._part_version = part.version if part else None
                self.is_known = True
            except LogUnavailable:
                pass  # no such table yet, or the database is away: what was known stays true
            except ValueError as error:
                logger.warning("The projection of %s cannot be used: %s", self._encoder_id, error)
                self._part_version = version
        fits = self._projection is not None and self._projection.dim == dim
        return self._projection if fits else None

    def close(self) -> None:
        """Let go of the database."""
        if self._parts is not None:
            self._parts.close()


class Building:
    """Builds an index in a thread of its own; whoever began it asks now and then whether it is done.

    Args:
        build: returns the index and the log entry that it surely holds; is given a function that says whether to go on.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self._stop = threading.Event()
        self.built: Built | None = None
        self._thread = threading.Thread(target=self._run, name="index-builder", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, with an index or (`built` is None) without."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Give up and wait until it has ended."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            built = self._build(lambda: not self._stop.is_set())
        except (FeiraError, MemoryError, RuntimeError) as error:
            # What serves goes on serving; the next attempt comes in a while.
            logger.warning("A better index could not be built: %s.", error)
            return
        if not self._stop.is_set():
            self.built = built
