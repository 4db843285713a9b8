"""Questions about data sets: which there are, how far they are, what is in them, and how two differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.functions import Collate

from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotFile, SnapshotRow, TrainedFrom
from feira.shop.jobs.models import Job, State

PAGE_SIZE = 50
MOST_SHOWN = 1_000
FILES_AT_ONCE = 2_000
STATES = ("waiting", "running", "ready", "failed", "cancelled", "pruned")
_FAILED, _CANCELLED = State.FAILED, State.CANCELLED


@dataclass(frozen=True, slots=True)
class Step:
    """One job on the way to a data set; `done` of `total` are parts, zero of zero while that is not known."""

    name: str
    job_id: int
    state: str
    done: int
    total: int
    message: str
    error: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a data set is.

    Attributes:
        state: one of `STATES`.
        share: from 0 to 1, of all steps.
        error: why it failed, for people; empty while it has not.
    """

    state: str
    share: float
    error: str = ""
    steps: Sequence[Step] = field(default_factory=tuple)


def datasets() -> QuerySet[DatasetRequest]:
    """List everything that was asked for, the newest first."""
    return DatasetRequest.objects.select_related(
        "snapshot",
        "requested_by",
        "resolve_job",
        "deliver_job",
        "snapshot__render_job",
        "snapshot__predict_job",
        "snapshot__finish_job",
    ).order_by("-created_at", "-pk")


def dataset(dataset_id: int) -> DatasetRequest | None:
    """Return one of them with its snapshot and jobs."""
    return datasets().filter(pk=dataset_id).first()


def jobs_of(request: DatasetRequest, *, only_own: bool = False) -> list[Job]:
    """Return the jobs of a data set in their order.

    Args:
        only_own: leave out those that another request waits for as well.
    """
    snapshot = request.snapshot
    building: list[Job | None] = []
    if snapshot is not None and snapshot.state != Snapshot.State.RESOLVING:
        is_shared = only_own and snapshot.requests.exclude(pk=request.pk).exists()
        building = [] if is_shared else [snapshot.render_job, snapshot.predict_job, snapshot.finish_job]
    every = [request.resolve_job, *building, request.deliver_job]
    return [job for job in every if job is not None]


def progress_of(request: DatasetRequest) -> Progress:
    """Tell how far a data set is; no query when it was read by `datasets`."""
    jobs = jobs_of(request)
    steps = tuple(_step(job) for job in jobs)
    snapshot = request.snapshot
    # Jobs after it fail because of it: the first one has the reason.
    broken = next((job for job in jobs if job.state in (_FAILED, _CANCELLED)), None)
    if broken is not None:
        is_cancelled = broken.state == _CANCELLED
        error = "" if is_cancelled else broken.error
        return Progress("cancelled" if is_cancelled else "failed", _share(steps), error, steps)
    if snapshot is not None and snapshot.state == Snapshot.State.PRUNED:
        return Progress("pruned", 1.0, "", steps)
    is_here = snapshot is not None and snapshot.state == Snapshot.State.READY
    if is_here and (not request.target or request.delivered_at is not None):
        return Progress("ready", 1.0, "", steps)
    is_begun = any(job.state in (State.RUNNING, State.SUCCEEDED) for job in jobs)
    return Progress("running" if is_begun else "waiting", _share(steps), "", steps)


def rows_of(snapshot: Snapshot, *, after: int = -1, size: int = PAGE_SIZE, split: str = "") -> list[SnapshotRow]:
    """Return the rows that come after a place, at most `size`."""
    rows = snapshot.rows.filter(position__gt=after)
    return list((rows.filter(split=split) if split else rows).order_by("position")[:size])


def files_of(snapshot: Snapshot) -> QuerySet[SnapshotFile]:
    """List the files in the order of their paths by code point, as archives want them."""
    return snapshot.files.order_by(_by_code_point(snapshot))


def files_after(snapshot: Snapshot, path: str, *, size: int) -> list[SnapshotFile]:
    """Return the files that come after a path in the order of `files_of`, at most `size`."""
    return list(_files_in_order(snapshot).filter(in_order__gt=path)[:size])


def file_facts_from(snapshot: Snapshot, path: str = "") -> Iterator[tuple[str, str, int, int]]:
    """Yield path, SHA-256, size and CRC-32 of each file from a path on, in the order of `files_of`.

    Each few thousand are a query of their own that the index answers: a download of an hour holds no cursor and no
    transaction open, and the first file is there as soon in a large snapshot as in a small one.
    """
    files = _files_in_order(snapshot).values_list("path", "sha256", "byte_size", "crc32")
    batch = list(files.filter(in_order__gte=path)[:FILES_AT_ONCE])
    while batch:
        yield from batch
        if len(batch) < FILES_AT_ONCE:
            return
        batch = list(files.filter(in_order__gt=batch[-1][0])[:FILES_AT_ONCE])


@dataclass(frozen=True, slots=True)
class Difference:
    """What one snapshot has that an earlier one had not; lists hold keys, at most `MOST_SHOWN`, counts all.

    Attributes:
        changed: key → names of the facts that are other than before.
        is_same_request: whether only the data changed.
    """

    is_same: bool
    is_same_request: bool
    added_count: int
    removed_count: int
    changed_count: int
    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]]
    request_changes: dict[str, list[Any]]


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """Compare two snapshots, walking their rows in the order of the keys: memory for no more than is shown."""
    counts = {"added": 0, "removed": 0, "changed": 0}
    added: list[str] = []
    removed: list[str] = []
    changed: list[str] = []
    for key, old, new in _side_by_side(before, after):
        kind, kept = ("added", added) if old is None else ("removed", removed) if new is None else ("changed", changed)
        if old != new:
            counts[kind] += 1
            if len(kept) < MOST_SHOWN:
                kept.append(key)
    requests = before.identity.get("request", {}), after.identity.get("request", {})
    altered = {
        name: [requests[0].get(name), requests[1].get(name)]
        for name in sorted({*requests[0], *requests[1]})
        if requests[0].get(name) != requests[1].get(name)
    }
    return Difference(
        is_same=before.content_hash == after.content_hash,
        is_same_request=not altered,
        added_count=counts["added"],
        removed_count=counts["removed"],
        changed_count=counts["changed"],
        added=added,
        removed=removed,
        changed=_what_changed(before, after, changed),
        request_changes=altered,
    )


def lineage_of(snapshot: Snapshot) -> list[TrainedFrom]:
    """Return the models that were trained from a snapshot, the first first."""
    return list(snapshot.trained.select_related("learned").defer("learned__content"))


def _files_in_order(snapshot: Snapshot) -> QuerySet[Any]:
    ordered = _by_code_point(snapshot)
    return snapshot.files.alias(in_order=ordered).order_by(ordered)


def _by_code_point(snapshot: Snapshot) -> Collate:
    vendor = connections[snapshot.files.db].vendor
    return Collate("path", "C" if vendor == "postgresql" else "BINARY")


def _step(job: Job) -> Step:
    return Step(
        name=job.kind.partition(".")[2],
        job_id=job.pk,
        state=job.state,
        done=job.progress_done,
        total=job.progress_total,
        message=job.progress_message,
        error=job.error if job.state == _FAILED else "",
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def _share(steps: Sequence[Step]) -> float:
    if not steps:
        return 0.0
    each = [1.0 if s.state == State.SUCCEEDED else s.done / s.total if s.total else 0.0 for s in steps]
    return round(sum(each) / len(each), 4)


def _side_by_side(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each key with the digest of its row before and after, None where there is no such row."""
    old, new = _keys(before), _keys(after)
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            yield left[0], left[1], None  # type: ignore[index] # one of them is there
            left = next(old, None)
        elif left is None or right[0] < left[0]:
            yield right[0], None, right[1]
            right = next(new, None)
        else:
            yield left[0], left[1], right[1]
            left, right = next(old, None), next(new, None)


def _keys(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    return snapshot.rows.order_by("position").values_list("key", "digest").iterator(chunk_size=5_000)


def _what_changed(before: Snapshot, after: Snapshot, keys: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for start in range(0, len(keys), 200):
        some = keys[start : start + 200]
        old, new = (
            {row.key: {**row.facts, "source": row.source} for row in each.rows.filter(key__in=some)}
            for each in (before, after)
        )
        for key in some:
            names = {*old[key], *new[key]}
            found[key] = sorted(name for name in names if old[key].get(name) != new[key].get(name))
    return found
