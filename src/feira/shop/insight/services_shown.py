"""Jobs as pages show them: how far, how fast, for how long, by whom, and what came of it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from feira.shop.accounts.models import Account
from feira.shop.jobs.errors import UnknownKind
from feira.shop.jobs.ledger import Counted, count_children
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.offered import services_of_kind
from feira.shop.jobs.registry import get_kind

MOST_TOLD = 300


@dataclass(frozen=True, slots=True)
class ShownProgress:
    """How far something is; `rate` (per second) and `left` are None while they cannot be told."""

    done: int
    total: int
    rate: float | None
    left: str | None


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A job as a row or a card tells of it; `person` is empty for what nobody asked for."""

    job: Job
    title: str
    person: str
    took: str
    is_unfinished: bool
    progress: ShownProgress | None


def shown_jobs(jobs: Sequence[Job], *, now: datetime | None = None) -> list[ShownJob]:
    """Return jobs with what pages tell of them; one query for the people, one for children of those that have some."""
    now = now or timezone.now()
    names = names_of(job.requested_by for job in jobs)
    return [
        ShownJob(
            job=job,
            title=title_of(job.kind),
            person=names.get(job.requested_by or 0, ""),
            took=took_text(job, now),
            is_unfinished=not job.is_finished,
            progress=progress_of(job, now=now),
        )
        for job in jobs
    ]


def names_of(account_ids: Iterable[int | None]) -> dict[int, str]:
    """Return the names of accounts by number; one that is gone is told by its number."""
    wanted = {account_id for account_id in account_ids if account_id is not None}
    found = Account.objects.in_bulk(wanted) if wanted else {}
    gone = {account_id: _("Member %(number)s") % {"number": account_id} for account_id in wanted}
    return gone | {account_id: account.get_full_name() for account_id, account in found.items()}


def title_of(kind: str) -> str:
    """Return what a kind of job is called: by itself, by the service that submits it, else by its name."""
    try:
        title = str(get_kind(kind).title)
    except UnknownKind:
        return kind
    services = services_of_kind(kind)
    return str(services[0].title) if title == kind and services else title


def progress_of(job: Job, *, now: datetime, children: Counted | None = None) -> ShownProgress | None:
    """Return how far a job is, counting the jobs that it gave rise to when those are the work; None without a count."""
    done, total = job.progress_done, job.progress_total
    if children is not None and children.total:
        done, total = children.done + children.failed, children.total
    if not total:
        return None
    rate = left = None
    # What an earlier attempt has done says nothing about how fast this one is.
    if job.state == State.RUNNING and job.attempts == 1 and job.started_at is not None and 0 < done < total:
        seconds = (now - job.started_at).total_seconds()
        if seconds >= 1:
            rate = done / seconds
            left = duration_text(timedelta(seconds=(total - done) / rate))
    return ShownProgress(done, total, rate, left)


def took_text(job: Job, now: datetime) -> str:
    """Return how long the last attempt took, or has taken so far; empty when none has begun."""
    if job.started_at is None or job.state in (State.WAITING, State.QUEUED):
        return ""
    return duration_text((job.finished_at or now) - job.started_at)


def duration_text(span: timedelta) -> str:
    """Return a span of time in its two largest units, as in "3 min 20 s"; below a second in milliseconds."""
    seconds = max(span.total_seconds(), 0)
    if round(seconds * 1000) < 1000:
        return _("%(count)d ms") % {"count": round(seconds * 1000)}
    whole = round(seconds)
    if whole < 60:
        return _("%(count)d s") % {"count": whole}
    if whole < 3600:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // 60, "seconds": whole % 60}
    if whole < 86_400:
        return _("%(hours)d h %(minutes)d min") % {"hours": whole // 3600, "minutes": whole % 3600 // 60}
    return _("%(days)d d %(hours)d h") % {"days": whole // 86_400, "hours": whole % 86_400 // 3600}


def facts_of(result: Any) -> list[tuple[str, str]]:
    """Return what a job's options or result say, name by name, for a table; what is long is cut."""
    if not isinstance(result, dict):
        return []
    told = []
    for name, value in result.items():
        if value is not None:
            told.append((str(name).replace("_", " "), _told(value)))
    return told


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in ([], {}, ""):
        return "–"
    if isinstance(value, float):
        value = round(value, 4)
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return Truncator(str(value)).chars(MOST_TOLD)


def children_of(job: Job) -> Counted | None:
    """Return where the jobs stand that were submitted on behalf of this one; None when there are none."""
    counted = count_children(job)
    return counted if counted.total else None
