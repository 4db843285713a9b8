"""Data sets as pages show them: states in words, steps with their pace, sums by label, part and folder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.functions import StrIndex, Substr
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feira.shop.datasets.asked import asked_from_json
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.datasets.selectors import jobs_of, progress_of
from feira.shop.jobs.models import UNFINISHED, Job, State
from feira.shop.jobs.selectors import ItemCounts, item_counts

MOST_LABELS = 20
MOST_FILES = 50
WORKING = ("waiting", "running")
LOOKS = {"waiting": "working", "running": "working", "ready": "ready", "failed": "failed"}
# Before that, how fast it goes says little.
LEAST_DONE, LEAST_S = 5, 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """A data set in a list or at the top of its page; `look` names the colour of its state."""

    id: int
    name: str
    state: str
    state_text: str
    look: str
    percent: int
    photos: int
    listings: int
    byte_size: int
    by: str
    created_at: datetime
    tags: list[str]
    is_kept: bool
    error: str

    @property
    def is_working(self) -> bool:
        """Whether something is still to be done for it."""
        return self.state in WORKING

    @property
    def is_ready(self) -> bool:
        """Whether its files are there."""
        return self.state == "ready"

    @property
    def is_pruned(self) -> bool:
        """Whether its files were deleted."""
        return self.state == "pruned"

    @property
    def may_retry(self) -> bool:
        """Whether it can go on where it stopped."""
        return self.state in ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One job on the way: `done` of `total`, `failed` did not work so far; `in_parts` when these are its items."""

    job_id: int
    title: str
    state_text: str
    is_running: bool
    done: int
    total: int
    waiting: int
    failed: int
    attempts: int
    rate_text: str
    left_text: str
    error: str
    in_parts: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole: how many, and the share of the largest in percent."""

    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Folder:
    """A file, or a folder with what is in it."""

    name: str
    count: int
    byte_size: int


def row_of(request: DatasetRequest) -> Row:
    """Return a data set that was read by `datasets` as pages show it."""
    progress, snapshot = progress_of(request), request.snapshot
    is_resolved = snapshot is not None and snapshot.state != Snapshot.State.RESOLVING
    return Row(
        id=request.pk,
        name=request.name or _("Data set %(number)s") % {"number": request.pk},
        state=progress.state,
        state_text=_state_text(progress.state),
        look=LOOKS.get(progress.state, "plain"),
        percent=round(100 * progress.share),
        photos=snapshot.photos if snapshot and is_resolved else 0,
        listings=snapshot.listings if snapshot and is_resolved else 0,
        byte_size=snapshot.byte_size if snapshot and is_resolved else 0,
        by=request.requested_by.get_short_name() if request.requested_by else "",
        created_at=request.created_at,
        tags=[tag.name for tag in snapshot.tags.all()] if snapshot else [],
        is_kept=bool(snapshot and snapshot.keep),
        error=progress.error,
    )


def in_state(found: QuerySet[DatasetRequest], state: str) -> QuerySet[DatasetRequest]:
    """Keep the data sets that are `working`, `ready` or `stopped`; all for any other word."""
    jobs = ("resolve_job", "deliver_job", "snapshot__render_job", "snapshot__predict_job", "snapshot__finish_job")

    def any_job(states: Iterable[str]) -> Q:
        condition = Q()
        for job in jobs:
            condition |= Q(**{f"{job}__state__in": list(states)})
        return condition

    stopped = any_job([State.FAILED, State.CANCELLED])
    if state == "working":
        return found.filter(any_job(UNFINISHED)).exclude(pk__in=found.filter(stopped).values("pk"))
    if state == "ready":
        ready = found.filter(snapshot__state=Snapshot.State.READY)
        return ready.exclude(pk__in=found.filter(stopped | any_job(UNFINISHED)).values("pk"))
    return found.filter(stopped) if state == "stopped" else found


def steps_of(request: DatasetRequest) -> list[ShownStep]:
    """Return the steps of a data set; one query for the items of all of them."""
    jobs = jobs_of(request)
    counts = item_counts([job.pk for job in jobs])
    return [_step(job, counts[job.pk], is_left_out=is_left_out) for job, is_left_out in _with_left_out(jobs)]


def labels_of(snapshot: Snapshot) -> list[Bar]:
    """Return the labels by how many photos have them, the most first."""
    rows = snapshot.rows.order_by().values_list("label").annotate(count=Count("pk")).order_by("-count", "label")
    return _bars(rows)


def splits_of(snapshot: Snapshot) -> list[Bar]:
    """Return the parts in their order, those included that nothing fell to; nothing when it is not divided."""
    split = asked_from_json(snapshot.identity["request"]).split
    if split.by == "none":
        return []
    rows = snapshot.rows.exclude(split="").order_by().values_list("split").annotate(count=Count("pk"))
    counts = dict(rows)
    return _bars((side, counts.get(side, 0)) for side in split.ratios)


def folders_of(snapshot: Snapshot) -> list[Folder]:
    """Return the files at the top by name, and the folders with what is in them."""
    top = Substr("path", 1, StrIndex("path", Value("/")))
    files = snapshot.files.annotate(top=top)
    folders = files.exclude(top="").order_by().values_list("top")
    summed = folders.annotate(count=Count("pk"), size=Sum("byte_size")).order_by("top")
    found = [Folder(name, count, size) for name, count, size in summed]
    single = files.filter(top="").order_by("path").values_list("path", "byte_size")[:MOST_FILES]
    return [*found, *(Folder(path, 1, size) for path, size in single)]


def duration_text(seconds: float) -> str:
    """Return a time in words, in the largest unit that says enough.

    >>> duration_text(0.4), duration_text(75), duration_text(150), duration_text(9000)
    ('1 second', '75 seconds', '3 minutes', '3 hours')
    """
    if seconds < 100:
        count = max(1, round(seconds))
        return ngettext("%(count)s second", "%(count)s seconds", count) % {"count": count}
    if seconds < 100 * 60:
        count = round(seconds / 60 + 0.01)
        return ngettext("%(count)s minute", "%(count)s minutes", count) % {"count": count}
    count = round(seconds / 3600 + 0.01)
    return ngettext("%(count)s hour", "%(count)s hours", count) % {"count": count}


def _state_text(state: str) -> str:
    texts = {
        "waiting": _("waits"),
        "running": _("in work"),
        "ready": _("ready"),
        "failed": _("failed"),
        "cancelled": _("stopped"),
        "pruned": _("files deleted"),
    }
    return texts.get(state, state)


def _with_left_out(jobs: list[Job]) -> Iterator[tuple[Job, bool]]:
    """Yield each job, and whether it was never begun because one before it broke: that one has the reason."""
    is_broken = False
    for job in jobs:
        yield job, is_broken and job.started_at is None
        is_broken |= job.state in (State.FAILED, State.CANCELLED)


def _step(job: Job, items: ItemCounts, *, is_left_out: bool) -> ShownStep:
    done, total = (items.done, items.total) if items.total else (job.progress_done, job.progress_total)
    is_running = job.state == State.RUNNING
    rate_text, left_text = _pace(job, done, total) if is_running else ("", "")
    return ShownStep(
        job_id=job.pk,
        title=_title(job.kind),
        state_text=_("not begun") if is_left_out else _job_text(job),
        is_running=is_running,
        done=done,
        total=total,
        waiting=items.waiting,
        failed=items.failed,
        attempts=job.attempts,
        rate_text=rate_text,
        left_text=left_text,
        error=job.error if job.state == State.FAILED and not is_left_out else "",
        in_parts=items.total > 0,
    )


def _title(kind: str) -> str:
    titles = {
        "datasets.resolve": _("Find the photos"),
        "datasets.render": _("Make the pictures"),
        "datasets.predict": _("Ask the model"),
        "datasets.finish": _("Write the files"),
        "datasets.deliver": _("Put them where you said"),
    }
    return titles.get(kind, kind)


def _job_text(job: Job) -> str:
    if job.state == State.SUCCEEDED and job.took is not None:
        return _("done in %(time)s") % {"time": duration_text(job.took.total_seconds())}
    if job.state == State.WAITING and job.unmet:
        return _("waits for what comes before")
    texts: dict[str, Any] = {
        State.WAITING: _("waits"),
        State.QUEUED: _("waits for a worker"),
        State.RUNNING: _("in work"),
        State.SUCCEEDED: _("done"),
        State.FAILED: _("failed"),
        State.CANCELLED: _("stopped"),
    }
    return str(texts[job.state])


def _pace(job: Job, done: int, total: int) -> tuple[str, str]:
    """Return how many a second and how long it will take; a repeated attempt did not do all of it itself."""
    if job.started_at is None or job.attempts > 1 or done < LEAST_DONE:
        return "", ""
    took_s = (timezone.now() - job.started_at).total_seconds()
    if took_s < LEAST_S:
        return "", ""
    rate = done / took_s
    left = _("about %(time)s left") % {"time": duration_text((total - done) / rate)} if total > done else ""
    return _("%(rate)s a second") % {"rate": f"{rate:.1f}" if rate < 10 else round(rate)}, left


def _bars(rows: Iterable[tuple[str, int]]) -> list[Bar]:
    every = list(rows)
    most = max((count for _label, count in every), default=1)
    return [Bar(label, count, round(100 * count / most, 2)) for label, count in every]
