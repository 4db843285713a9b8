"""Renders photos in several processes at once: in order, in bounded memory, and whatever becomes of the processes."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import LifoQueue
from types import TracebackType
from typing import Final, Self

from feira.core.augment.pool_wire import MAX_ANSWER_BYTES, Wanted, pack_request, unpack_rendered
from feira.core.augment.recipe import Recipe
from feira.core.augment.render import Rendered
from feira.core.augment.rule import ImageRule
from feira.core.errors import InvalidImage
from feira.core.images.child import ReadingChild
from feira.core.images.limits import IntakeLimits

_ATTEMPTS: Final = 2
_TASKS_PER_WORKER: Final = 2


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One photo and what is wanted of it.

    Attributes:
        key: names the photo wherever it goes, such as its digest.
        content: the file, which may come from anybody.
        numbers: of the pictures: 0 is the photo itself, variants count from 1. None asks for all of them; a retry
            names those that are missing.
    """

    key: str
    content: bytes = field(repr=False)
    rule: ImageRule
    recipe: Recipe | None = None
    numbers: tuple[int, ...] | None = None

    @property
    def wanted(self) -> tuple[int, ...]:
        """The numbers of the pictures, written out.

        Raises:
            ValueError: a variant is asked for without any recipe, or a number is below 0.
        """
        numbers = self.numbers
        if numbers is None:
            numbers = tuple(range(1 + (self.recipe.variants if self.recipe else 0)))
        if any(number < 0 or (number and self.recipe is None) for number in numbers):
            raise ValueError(f"{numbers} names pictures that no recipe makes. Variants count from 1 and need a recipe.")
        return numbers


@dataclass(frozen=True, slots=True)
class RenderOutcome:
    """What became of a task: its pictures in the order that was asked for, or none and the refusal of the photo."""

    key: str
    rendered: tuple[Rendered, ...]
    error: InvalidImage | None = None


class RenderPool:
    """Child processes that render photos, each within the limits on time and memory of `PhotoSandbox`.

    They are started when first needed, know none of our secrets, and end with the pool or with this process. A child
    that dies is replaced and the picture tried once more; the second death means the refusal of that photo alone. It
    works inside daemonic processes too, such as those of a prefork worker.

    Args:
        workers: processes at work at once.
        limits: `timeout_s` is for each picture.
    """

    def __init__(self, workers: int, limits: IntakeLimits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"{workers} processes can render nothing. Give at least 1.")
        self._workers = workers
        self._children = [
            ReadingChild(
                "feira.core.augment.pool_child",
                limits or IntakeLimits(),
                max_answer_bytes=MAX_ANSWER_BYTES,
                attempts=_ATTEMPTS,
            )
            for _ in range(workers)
        ]
        self._free: LifoQueue[ReadingChild] = LifoQueue()
        for child in self._children:
            self._free.put(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; a later `map` starts others."""
        for child in self._children:
            child.close()

    def map(self, tasks: Iterable[RenderTask]) -> Iterator[RenderOutcome]:
        """Yield what became of each task, in the order of the tasks, with the same bytes for any number of workers.

        Tasks are taken as room comes free, in the caller's thread: at most two per worker are in memory, waiting,
        rendered or at work, besides the one that the caller holds. Whoever stops early waits for those at work.

        Raises:
            SandboxUnavailableError: a process does not start.
            ValueError: as `RenderTask.wanted`.
        """
        under_way: deque[Future[RenderOutcome]] = deque()
        threads = ThreadPoolExecutor(self._workers, thread_name_prefix="render")
        try:
            for task in tasks:
                under_way.append(threads.submit(self._render, task))
                if len(under_way) == self._workers * _TASKS_PER_WORKER:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            threads.shutdown(wait=True, cancel_futures=True)

    def _render(self, task: RenderTask) -> RenderOutcome:
        child = self._free.get()
        try:
            return RenderOutcome(task.key, tuple(self._pictures(child, task)))
        except InvalidImage as error:
            return RenderOutcome(task.key, (), error)
        finally:
            self._free.put(child)

    @staticmethod
    def _pictures(child: ReadingChild, task: RenderTask) -> Iterator[Rendered]:
        """Ask for one picture at a time, so that time and size are bounded for each; the photo is sent once."""
        content: bytes | None = task.content
        for number in task.wanted:
            wanted = Wanted(task.key, task.rule, task.recipe, number)
            rendered = child.ask(pack_request(wanted, content), partial(unpack_rendered, wanted=wanted))
            if rendered is None:  # this child took the place of the one that had the photo
                rendered = child.ask(pack_request(wanted, task.content), partial(unpack_rendered, wanted=wanted))
            if rendered is None:
                raise AssertionError("the photo was sent")
            content = None
            yield rendered
