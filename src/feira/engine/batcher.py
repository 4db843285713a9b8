"""A greedy micro-batcher: an idle lane starts at once, a busy one finds everything that waited meanwhile.

There is no waiting window, so a lone request pays nothing for batching, and under load batches fill by themselves.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from feira.core.errors import FeiraError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(FeiraError):
    """More is asked for than may wait; come again after `retry_after_s` seconds."""

    code = "busy"
    http_status = 503

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class TooLate(FeiraError):
    """Nobody waits any longer: the time that the caller gave was over before the work began."""

    code = "too_late"
    http_status = 504


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: "asyncio.Future[Result]"
    deadline: float | None


class Batcher(Generic[Item, Result]):
    """Runs `run_batch` in threads, one per lane, over items that arrive one by one on the event loop.

    Queries go before bulk work. Items whose caller is gone, or whose deadline has passed, are dropped before they cost
    anything. All methods belong to the event loop's thread.

    Args:
        run_batch: called in a lane's thread; returns one result per item, in order. A result that is an exception
            fails that item alone; raising fails the batch.
        lanes: batches that run side by side.
        max_batch: most items in one call.
        max_waiting: most items that may wait or run at once.
        observe_batch: called with the size of each batch.
        what: the items, as a refusal names them.
    """

    def __init__(
        self,
        run_batch: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        lanes: int,
        max_batch: int,
        max_waiting: int,
        observe_batch: Callable[[int], object] | None = None,
        what: str = "items",
    ) -> None:
        self._run_batch, self._what = run_batch, what
        self._lanes, self._most_lanes = lanes, lanes
        self._max_batch, self._max_waiting = max_batch, max_waiting
        self._observe_batch = observe_batch
        self._queries: deque[_Waiting[Item, Result]] = deque()
        self._bulk: deque[_Waiting[Item, Result]] = deque()
        self._running = 0
        self._busy_lanes = 0
        self._due = False
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._batches: set[asyncio.Task[None]] = set()
        self._closed = False

    def depth(self) -> int:
        """Return how many items wait or run; those whose caller is gone do not count."""
        waiting = sum(not one.answer.done() for queue in (self._queries, self._bulk) for one in queue)
        return waiting + self._running

    async def submit(
        self, items: Sequence[Item], *, bulk: bool = False, deadline: float | None = None
    ) -> list[Result | BaseException]:
        """Return one answer per item, in order: its result, or the exception that it met.

        All items are taken or none. Cancelling the call drops those that have not begun.

        Args:
            deadline: by `time.monotonic()`; what has not begun by then meets TooLate.

        Raises:
            Busy: the queue has no room for them. A request larger than the whole queue is taken when nothing waits.
        """
        self._drop_abandoned()
        depth = self.depth()
        if self._closed or (depth and depth + len(items) > self._max_waiting):
            raise Busy(f"The engine is busy with {depth} {self._what}. Try again in a moment.")
        loop = asyncio.get_running_loop()
        waiting: list[_Waiting[Item, Result]] = [_Waiting(item, loop.create_future(), deadline) for item in items]
        (self._bulk if bulk else self._queries).extend(waiting)
        self._wake()
        return await asyncio.gather(*(one.answer for one in waiting), return_exceptions=True)

    def set_lanes(self, lanes: int) -> None:
        """Run at most so many batches side by side from now on, and no more than at the start."""
        self._lanes = min(max(lanes, 1), self._most_lanes)
        self._wake()

    async def close(self) -> None:
        """Refuse new items, answer those that are here, stop the lanes."""
        self._closed = True
        while self._batches or self._queries or self._bulk:
            self._dispatch()
            await asyncio.gather(*self._batches, return_exceptions=True)
        self._pool.shutdown()

    def _wake(self) -> None:
        # One turn of the loop later, so that requests that arrived together are shared out together.
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._due = False
        while (free := self._lanes - self._busy_lanes) > 0 and (batch := self._take(free)):
            self._busy_lanes += 1
            self._running += len(batch)
            task = asyncio.get_running_loop().create_task(self._run(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _take(self, free_lanes: int) -> list[_Waiting[Item, Result]]:
        """Return the next batch: this lane's even share of what waits, people's queries first."""
        self._drop_abandoned()
        waiting = len(self._queries) + len(self._bulk)
        size = min(-(-waiting // free_lanes), self._max_batch)
        return [(self._queries or self._bulk).popleft() for _ in range(size)]

    def _drop_abandoned(self) -> None:
        now = time.monotonic()
        for queue in (self._queries, self._bulk):
            for one in queue:
                if one.deadline is not None and one.deadline <= now and not one.answer.done():
                    one.answer.set_exception(TooLate("The time for this request was over before its turn came."))
            if any(one.answer.done() for one in queue):
                alive = [one for one in queue if not one.answer.done()]
                queue.clear()
                queue.extend(alive)

    async def _run(self, batch: list[_Waiting[Item, Result]]) -> None:
        if self._observe_batch is not None:
            self._observe_batch(len(batch))
        loop = asyncio.get_running_loop()
        results: Sequence[Result | Exception]
        try:
            results = await loop.run_in_executor(self._pool, self._run_batch, [one.item for one in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"A batch of {len(batch)} items brought {len(results)} results.")
        except Exception as error:  # noqa: BLE001  (whatever a model raises belongs to those who asked)
            results = [error] * len(batch)
        finally:
            self._busy_lanes -= 1
            self._running -= len(batch)
        for one, result in zip(batch, results, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, Exception):
                one.answer.set_exception(result)
            else:
                one.answer.set_result(result)
        self._dispatch()
