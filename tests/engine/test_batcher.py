import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from feira.engine.batcher import Batcher, Busy

pytestmark = pytest.mark.anyio


class Doubler:
    """Doubles numbers, keeps what came together, refuses 13, and can be held up to let others queue."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        assert self.go_on.wait(5)
        return [ValueError("13") if item == 13 else 2 * item for item in items]


def batcher_of(work: Doubler, *, lanes: int = 1, max_batch: int = 4, max_waiting: int = 100) -> Batcher[int, int]:
    return Batcher(work, lanes=lanes, max_batch=max_batch, max_waiting=max_waiting)


async def until_running(work: Doubler, batches: int) -> None:
    deadline = time.monotonic() + 5
    while len(work.batches) < batches:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def test_a_lone_item_starts_at_once_and_what_arrives_meanwhile_goes_together() -> None:
    work = Doubler()
    batcher = batcher_of(work)
    work.go_on.clear()
    callers = [asyncio.create_task(batcher.submit([0]))]
    await until_running(work, 1)
    callers += [asyncio.create_task(batcher.submit([number])) for number in range(1, 8)]
    await asyncio.sleep(0.01)
    work.go_on.set()
    assert await asyncio.gather(*callers) == [[2 * number] for number in range(8)]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    await batcher.close()


async def test_people_go_before_bulk_work() -> None:
    work = Doubler()
    batcher = batcher_of(work, max_batch=2)
    work.go_on.clear()
    first = asyncio.create_task(batcher.submit([0]))
    await until_running(work, 1)
    bulk = asyncio.create_task(batcher.submit([50, 51, 52], bulk=True))
    await asyncio.sleep(0.01)
    query = asyncio.create_task(batcher.submit([1]))
    await asyncio.sleep(0.01)
    work.go_on.set()
    assert list(await asyncio.gather(first, bulk, query)) == [[0], [100, 102, 104], [2]]
    assert work.batches == [[0], [1, 50], [51, 52]]
    await batcher.close()


async def test_a_batch_is_shared_out_among_idle_lanes() -> None:
    work = Doubler()
    batcher = batcher_of(work, lanes=2, max_batch=16)
    assert await batcher.submit(list(range(9))) == [2 * number for number in range(9)]
    assert sorted(map(len, work.batches)) == [4, 5]
    await batcher.close()


async def test_more_than_may_wait_is_refused_and_nothing_of_it_is_taken() -> None:
    work = Doubler()
    batcher = batcher_of(work, max_waiting=3)
    work.go_on.clear()
    taken = [asyncio.create_task(batcher.submit([number])) for number in range(2)]
    await until_running(work, 1)
    with pytest.raises(Busy) as caught:
        await batcher.submit([7, 8])
    assert caught.value.retry_after_s == 1
    assert batcher.depth() == 2
    work.go_on.set()
    assert await asyncio.gather(*taken) == [[0], [2]]
    assert not {7, 8} & {item for batch in work.batches for item in batch}
    assert batcher.depth() == 0
    await batcher.close()


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    batcher = batcher_of(Doubler(), max_waiting=3)
    assert await batcher.submit(list(range(5))) == [0, 2, 4, 6, 8]
    await batcher.close()


async def test_items_of_a_caller_who_left_are_never_computed() -> None:
    work = Doubler()
    batcher = batcher_of(work)
    work.go_on.clear()
    first = asyncio.create_task(batcher.submit([0]))
    await until_running(work, 1)
    leaving = asyncio.create_task(batcher.submit([66, 67]))
    staying = asyncio.create_task(batcher.submit([5]))
    await asyncio.sleep(0.01)
    assert batcher.depth() == 4
    leaving.cancel()
    await asyncio.wait([leaving])
    assert batcher.depth() == 2
    work.go_on.set()
    assert list(await asyncio.gather(first, staying)) == [[0], [10]]
    assert work.batches == [[0], [5]]
    await batcher.close()


async def test_one_bad_item_does_not_spoil_its_batch() -> None:
    batcher = batcher_of(Doubler())
    good, bad, other = await batcher.submit([1, 13, 2])
    assert (good, other) == (2, 4)
    assert isinstance(bad, ValueError)
    await batcher.close()


async def test_a_batch_that_raises_fails_those_in_it_and_the_next_one_works() -> None:
    def moody(items: Sequence[int]) -> list[int | Exception]:
        if 13 in items:
            raise OSError("out of memory")
        return list(items)

    batcher: Batcher[int, int] = Batcher(moody, lanes=1, max_batch=8, max_waiting=9)
    assert [type(answer) for answer in await batcher.submit([1, 13])] == [OSError, OSError]
    assert await batcher.submit([2]) == [2]
    await batcher.close()


async def test_closing_answers_those_who_wait_and_refuses_others() -> None:
    work = Doubler()
    batcher = batcher_of(work, max_batch=1)
    waiting = asyncio.create_task(batcher.submit([1, 2, 3]))
    await until_running(work, 1)
    await batcher.close()
    assert await waiting == [2, 4, 6]
    with pytest.raises(Busy):
        await batcher.submit([4])
