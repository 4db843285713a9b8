"""From what callers send to rows: remembered ones at once, the others through the batcher."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from feira.core.types import Matrix, Vector
from feira.engine.batcher import Batcher
from feira.engine.metrics import EncodingMetrics

Item = TypeVar("Item")


class RememberingEncoding(ABC, Generic[Item]):
    """Turns items into rows for many callers at once, and each item once.

    The rows of the last `cache_size` items are remembered. Methods belong to the event loop's thread; `_run_batch`
    runs in the batcher's lanes.
    """

    def __init__(
        self,
        *,
        dim: int,
        lanes: int,
        max_batch: int,
        max_queue: int,
        cache_size: int,
        metrics: EncodingMetrics,
        what: str,
    ) -> None:
        self._dim, self._metrics, self._cache_size = dim, metrics, cache_size
        self._known: OrderedDict[Hashable, Vector] = OrderedDict()
        self._batcher: Batcher[Item, Vector] = Batcher(
            self._run_batch,
            lanes=lanes,
            max_batch=max_batch,
            max_waiting=max_queue,
            observe_batch=metrics.batch_size.observe,
            what=what,
        )

    def depth(self) -> int:
        """Return how many items wait or are being encoded."""
        return self._batcher.depth()

    async def encode(self, items: Sequence[Item], *, bulk: bool = False, deadline: float | None = None) -> Matrix:
        """Return one row per item, in order.

        Args:
            bulk: step back behind people's queries.
            deadline: by `time.monotonic()`; what has not begun by then is not begun.

        Raises:
            Busy: too many items wait already.
            TooLate: the deadline passed before the work began.
            FeiraError: what `_run_batch` says of an item, with `position` among the caller's.
        """
        keys = [self._key(item) for item in items]
        rows: dict[Hashable, Vector] = {}
        wanted: dict[Hashable, Item] = {}
        for key, item in zip(keys, items, strict=True):
            known = self._known.get(key)
            if known is None:
                wanted[key] = item
            else:
                self._known.move_to_end(key)
                rows[key] = known
        self._metrics.remembered.inc(len(rows))
        if wanted:
            answers = await self._batcher.submit(list(wanted.values()), bulk=bulk, deadline=deadline)
            for key, answer in zip(wanted, answers, strict=True):
                if isinstance(answer, BaseException):
                    raise self._placed(answer, keys.index(key))
                rows[key] = answer
                self._remember(key, answer)
        empty = np.empty((0, self._dim), dtype=np.float32)
        return np.stack([rows[key] for key in keys]) if keys else empty

    def set_lanes(self, lanes: int) -> None:
        """Run at most so many batches side by side from now on, and no more than at the start."""
        self._batcher.set_lanes(lanes)

    async def close(self) -> None:
        """Answer what waits and stop the lanes."""
        await self._batcher.close()

    @abstractmethod
    def _key(self, item: Item) -> Hashable:
        """Return what stands for the item; equal keys have equal rows."""

    @abstractmethod
    def _run_batch(self, items: Sequence[Item]) -> list[Vector | Exception]:
        """Encode in a lane's thread; an item that fails does not take its neighbours along."""

    def _placed(self, error: BaseException, position: int) -> BaseException:  # noqa: ARG002
        """Return the error of one item with its position among the caller's."""
        return error

    def _remember(self, key: Hashable, row: Vector) -> None:
        self._known[key] = row
        self._known.move_to_end(key)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)
