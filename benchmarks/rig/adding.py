"""Photos added one by one to a catalogue, seen from inside the shop, and what starting over would cost."""

import os
import time
from typing import Any

import numpy as np

from feira.core.recommend.neighbours import MOST, unpack
from feira.core.types import Matrix
from feira.shop.feed.models import NeighbourList
from feira.shop.feed.services import enter_neighbours, find_neighbours_of_photos
from feira.shop.jobs import services as jobs
from feira.shop.photos.engine import engine
from feira.shop.photos.models import IndexLogHead
from feira.shop.photos.services import store_embeddings
from rig.catalogue import bare_listing, group_rows, rows_of

BLOCK = 500


def catch_up(patience_s: float = 60.0) -> int:
    """Wait until the engine holds the whole log; return how many photos are in the index."""
    head = IndexLogHead.objects.get(pk=1).seq
    deadline = time.monotonic() + patience_s
    while not engine().wait_for(head, 10.0):
        assert time.monotonic() < deadline, "the engine is slow to read the log"
    return engine().status().photos


def add(count: int, first: int, groups: int) -> dict[str, list[float]]:
    """Add live listings with a photo each that looks like those of some group; the embedding is given.

    Half of them go through the ledger as in the shop (`whole`: from the embedding to the end of the job that updates
    the neighbours, run in this process), half step by step, to see where the time goes.

    Returns:
        Seconds per photo for each of the steps, and `cpu`, the processor time of `whole` in this process.
    """
    encoder_id, dim = engine().status().encoder_id, engine().status().dim
    seconds: dict[str, list[float]] = {name: [] for name in ("whole", "cpu", "store", "index", "search", "lists")}
    for number in range(first, first + count):
        listing_id, photo_id = bare_listing(number)
        row = group_rows(number % groups, dim, members=1, seed=number)
        if number % 2:
            began, cpu_began = time.perf_counter(), time.process_time()
            store_embeddings([photo_id], encoder_id=encoder_id, rows=row)
            assert jobs.run_until_idle(queues=["inference"]) == 1
            seconds["whole"].append(time.perf_counter() - began)
            seconds["cpu"].append(time.process_time() - cpu_began)
        else:
            clock = [time.perf_counter()]
            store_embeddings([photo_id], encoder_id=encoder_id, rows=row)
            clock.append(time.perf_counter())
            assert engine().wait_for(IndexLogHead.objects.get(pk=1).seq, 5.0)
            clock.append(time.perf_counter())
            found = find_neighbours_of_photos([photo_id])
            clock.append(time.perf_counter())
            enter_neighbours(found)
            clock.append(time.perf_counter())
            for name, begin, end in zip(("store", "index", "search", "lists"), clock, clock[1:], strict=False):
                seconds[name].append(end - begin)
            jobs.run_until_idle(queues=["inference"])  # the job of this one finds everything done
        _check(listing_id)
    return seconds


def _check(listing_id: int) -> None:
    """See that the newcomer has neighbours, and that it stands in the lists of those where it belongs."""
    own = unpack(bytes(NeighbourList.objects.get(pk=listing_id).packed))
    assert len(own) == MOST, f"listing {listing_id} has {len(own)} neighbours"
    nearest = unpack(bytes(NeighbourList.objects.get(pk=own[0][0]).packed))
    assert listing_id in [other for other, _score in nearest] or nearest[-1][1] >= own[0][1]


def full_matrix(count: int, dim: int, blocks: int) -> dict[str, Any]:
    """Compare photos with all others and keep the best 24 of each, in NumPy, in blocks of 500 rows.

    Returns:
        `seconds` for the whole matrix, `measured_share` of it that was computed: the rest is reckoned, for each block
        costs the same.
    """
    rows = rows_of(count, dim)
    starts = list(range(0, count, BLOCK))
    chosen = starts if blocks >= len(starts) else starts[:blocks]
    _best(rows, 0)  # warms the libraries
    began = time.perf_counter()
    done = sum(_best(rows, start) for start in chosen)
    seconds = time.perf_counter() - began
    return {"seconds": seconds * count / done, "measured_share": done / count, "threads": os.cpu_count()}


def _best(rows: Matrix, start: int) -> int:
    scores = rows[start : start + BLOCK] @ rows.T
    best = np.argpartition(-scores, MOST, axis=1)[:, : MOST + 1]
    np.take_along_axis(scores, best, axis=1).sort(axis=1)
    return len(scores)
