"""The pictures of a snapshot: decoded and augmented in processes, written in threads, noted part by part."""

import os
import time
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from feira.core.augment.pool import RenderOutcome, RenderPool, RenderTask
from feira.core.augment.render import Rendered
from feira.core.errors import InvalidImage
from feira.settings import load_settings
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import Snapshot, SnapshotRow
from feira.shop.datasets.row_columns import write_column
from feira.shop.jobs.running import RunningJob
from feira.shop.photos.blobs import blob_store

PART_PHOTOS, PART_LARGE_PHOTOS = 32, 8
LARGE_SIDE = 1024
PARTS_READ_AT_ONCE = 8
NOTE_EVERY_S = 0.1
WRITERS = 4
# What the machine may be to blame for; anything else is the photo's fault, and stays so however often it is tried.
PASSING = frozenset({"took_too_long", "too_much_memory"})


@dataclass(slots=True)
class _Part:
    """A part on its way through the pool and the writers."""

    name: str
    rows: list[SnapshotRow]
    done: int = 0
    fault: str = ""


def part_size(asked: Asked) -> int:
    """Return how many photos make a part: few, so that little is lost and little is held."""
    size = asked.rule.size
    return PART_PHOTOS if size is not None and size <= LARGE_SIDE else PART_LARGE_PHOTOS


def part_names(snapshot: Snapshot, asked: Asked) -> Iterator[str]:
    """Yield the names of all parts, which count from zero."""
    parts = -(-snapshot.photos // part_size(asked))
    return (f"{number:06}" for number in range(parts))


def rows_of_parts(snapshot: Snapshot, asked: Asked, names: Sequence[str]) -> Iterator[tuple[str, list[SnapshotRow]]]:
    """Yield each part with its rows in their order, read at once; what is said about the photos is not among it."""
    size = part_size(asked)
    places = [place for name in names for place in range(int(name) * size, (int(name) + 1) * size)]
    found = snapshot.rows.filter(position__in=places).order_by("position")
    rows = {row.position: row for row in found.only("snapshot", "position", "key", "source", "images")}
    for name in names:
        start = int(name) * size
        yield name, [rows[place] for place in range(start, start + size) if place in rows]


def render_snapshot(job: RunningJob, snapshot: Snapshot) -> dict[str, Any]:
    """Make the pictures of all parts that are not done; parts are noted with their rows in one transaction.

    Memory holds a few photos for each process and the rows of some parts, whatever the size of the snapshot.

    Raises:
        ItemsMissing: some parts could not be made this time.
        LeaseLost: the job was cancelled or taken over.
    """
    asked = asked_from_json(snapshot.identity["request"])
    store = snapshot_store(snapshot.folder)
    job.items.plan(part_names(snapshot, asked))
    under_way: deque[_Part] = deque()
    notes = _Notes(job)
    processes = load_settings().dataset_processes or os.cpu_count() or 1
    with RenderPool(processes) as pool, ThreadPoolExecutor(WRITERS, thread_name_prefix="write") as writers:
        for outcome in pool.map(_tasks(job, snapshot, asked, under_way)):
            part = _waiting_for(under_way)
            _take(part, outcome, store, writers)
            while under_way and under_way[0].done == len(under_way[0].rows):
                notes.add(under_way.popleft())
    notes.write()
    job.items.require_done()
    left_out = snapshot.rows.filter(images=[]).count()
    if left_out:
        job.log(f"{left_out} photos cannot be read and are left out.")
    return {"photos": snapshot.photos - left_out, "left_out": left_out, "images": asked.images_per_photo}


def _tasks(job: RunningJob, snapshot: Snapshot, asked: Asked, under_way: deque[_Part]) -> Iterator[RenderTask]:
    """Yield the photos of what is to be done, and remember the parts that they belong to."""
    rule, recipe, originals = asked.rule, asked.recipe, blob_store()
    for names in job.items.batches(PARTS_READ_AT_ONCE):
        for name, rows in rows_of_parts(snapshot, asked, names):
            job.check()
            if all(row.images for row in rows):
                # Made by a build before this one that did not come to its end.
                job.items.finish(name)
                continue
            under_way.append(_Part(name, rows))
            for row in rows:
                try:
                    content = originals.get(row.source)
                except FileNotFoundError:
                    content = b""  # refused as unreadable, like any other photo that is none
                yield RenderTask(row.key, content, rule, recipe)


def _waiting_for(under_way: deque[_Part]) -> _Part:
    """Return the part that the next outcome belongs to: outcomes come in the order of the tasks."""
    return next(part for part in under_way if part.done < len(part.rows))


def _take(part: _Part, outcome: RenderOutcome, store: SnapshotStore, writers: ThreadPoolExecutor) -> None:
    row = part.rows[part.done]
    part.done += 1
    row.images = []
    if outcome.error is not None:
        if _is_passing(outcome.error):
            part.fault = part.fault or f"{row.key}: {outcome.error.message}"
        return
    started = [writers.submit(_written, store, each) for each in outcome.rendered]
    # Waiting for this photo's pictures while the processes go on with the next ones bounds what is held.
    row.images = [each.result() for each in started]


def _written(store: SnapshotStore, rendered: Rendered) -> dict[str, Any]:
    store.put(rendered.content)
    return {
        "sha256": rendered.digest,
        "bytes": len(rendered.content),
        "crc32": zlib.crc32(rendered.content),
        "width": rendered.width,
        "height": rendered.height,
        "drawn": [step.as_json() for step in rendered.steps],
    }


class _Notes:
    """Notes parts that are made, several in one transaction when they are made quickly.

    A note is half a dozen statements, and a part may be eight small photos. Whoever is killed has lost the parts that
    were under way and those of the last `NOTE_EVERY_S`.
    """

    def __init__(self, job: RunningJob) -> None:
        self._job = job
        self._parts: list[_Part] = []
        self._written_at = float("-inf")

    def add(self, part: _Part) -> None:
        """Note a part now or with the next ones."""
        self._parts.append(part)
        if time.monotonic() - self._written_at >= NOTE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Note what has been added.

        Raises:
            LeaseLost: the job was cancelled or taken over; nothing is kept.
        """
        made = [part for part in self._parts if not part.fault]
        failed = {part.name: part.fault for part in self._parts if part.fault}
        self._parts, self._written_at = [], time.monotonic()
        if made:
            with self._job.committing_items(part.name for part in made) as results:
                write_column([row for part in made for row in part.rows], "images")
                results.update((part.name, _result(part.rows)) for part in made)
        if failed:
            self._job.items.fail_many(failed)


def _result(rows: list[SnapshotRow]) -> dict[str, int]:
    return {"photos": len(rows), "left_out": sum(not row.images for row in rows)}


def _is_passing(error: InvalidImage) -> bool:
    return error.reason in PASSING
