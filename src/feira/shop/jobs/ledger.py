"""Questions about the ledger by people: which jobs they may see, find and move, and how the work goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncHour, TruncMinute
from django.utils import timezone

from feira.shop.jobs.models import PENDING, Job, JobItem, JobLine, State

SEE = "jobs.view_job"
MOVE = "jobs.change_job"
MOST_ROW_ID = 2**63 - 1
# Jobs are numbered as they are asked for, but for the clocks of several machines, and the length of a transaction. So
# the numbers between which a time lies are looked up with this much to spare, and nothing outside them is read.
OUT_OF_ORDER = timedelta(hours=1)


def may_see_every_job(person: Any) -> bool:
    """Tell whether an account sees the work of the whole shop: staff with the permission."""
    return bool(person.is_staff and person.has_perm(SEE))


def may_move(person: Any, job: Job) -> bool:
    """Tell whether an account may cancel and retry a job: whoever asked for it, and staff with the permission."""
    if job.requested_by is not None and job.requested_by == person.pk:
        return True
    return bool(person.is_staff and person.has_perm(MOVE))


def may_start(person: Any, permission: str) -> bool:
    """Tell whether an account may start a service that asks for this permission."""
    return bool(person.is_staff and person.has_perm(permission))


def jobs_visible_to(person: Any) -> QuerySet[Job]:
    """List the jobs that an account may see, the newest first: all of them, or those it asked for."""
    every = Job.objects.order_by("-pk")
    if may_see_every_job(person):
        return every
    return every.filter(requested_by=person.pk) if person.pk is not None else every.none()


def job_visible_to(person: Any, job_id: int) -> Job | None:
    """Return one job, None when there is none that this account may see."""
    return jobs_visible_to(person).filter(pk=min(job_id, MOST_ROW_ID)).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs somebody looks for; what is empty or None does not count.

    `requested_by` is an account's number, 0 for what nobody asked for; `since` and `until` are about being asked for.
    """

    kind: str = ""
    state: str = ""
    requested_by: int | None = None
    parent: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def wanted_jobs(jobs: QuerySet[Job], wanted: Wanted) -> QuerySet[Job]:
    """Narrow a list of jobs."""
    exact = {"kind": wanted.kind, "state": wanted.state}
    jobs = jobs.filter(**{name: value for name, value in exact.items() if value})
    if wanted.parent is not None:
        jobs = jobs.filter(parent=min(wanted.parent, MOST_ROW_ID))
    if wanted.requested_by is not None:
        by = min(wanted.requested_by, MOST_ROW_ID)
        jobs = jobs.filter(requested_by=by) if by else jobs.filter(requested_by=None)
    by_time = Job.objects.values("pk")
    if wanted.since is not None:
        first = by_time.filter(created_at__gte=wanted.since - OUT_OF_ORDER).order_by("created_at")[:1]
        jobs = jobs.filter(created_at__gte=wanted.since, pk__gte=Subquery(first))
    if wanted.until is not None:
        last = by_time.filter(created_at__lt=wanted.until + OUT_OF_ORDER).order_by("-created_at")[:1]
        jobs = jobs.filter(created_at__lt=wanted.until, pk__lte=Subquery(last))
    return jobs


# Of each kind one entry of its index is read, however many jobs there are.
NEWEST_OF_KIND = "SELECT max(id) FROM jobs_job WHERE kind = %s"
# From one account to the next in the index, so the work grows with the number of people, not of jobs.
PEOPLE = """
    WITH RECURSIVE person(number) AS (
        SELECT min(requested_by) FROM jobs_job
        UNION ALL
        SELECT (SELECT min(requested_by) FROM jobs_job WHERE requested_by > number) FROM person WHERE number IS NOT NULL
    )
    SELECT number, (SELECT max(id) FROM jobs_job WHERE requested_by = number) AS newest
    FROM person WHERE number IS NOT NULL ORDER BY newest DESC LIMIT %s
"""


def last_of_each(kinds: Iterable[str]) -> dict[str, Job]:
    """Return the newest job of each of these kinds, by kind, in one query."""
    names = sorted(set(kinds))
    if not names:
        return {}
    newest = RawSQL(" UNION ALL ".join([NEWEST_OF_KIND] * len(names)), names)  # noqa: S611 - names are its parameters
    return {job.kind: job for job in Job.objects.filter(pk__in=newest)}


def people_in_ledger(*, most: int = 100) -> list[int]:
    """Return the numbers of the accounts that asked for jobs, those who did lately first."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, [most])
        return [number for number, _newest in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of a job's items, or of the jobs that it gave rise to, stand where."""

    done: int
    failed: int
    waiting: int
    running: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.done + self.failed + self.waiting + self.running


def items_of(job: Job) -> QuerySet[JobItem]:
    """List the items of a job in the order in which they were planned."""
    return JobItem.objects.filter(job=job).order_by("pk")


def lines_of(job: Job) -> QuerySet[JobLine]:
    """List what a job has written about its work, the oldest first."""
    return JobLine.objects.filter(job=job).order_by("pk")


def count_items(job: Job) -> Counted:
    """Count the items of a job by what became of them."""
    states = dict(JobItem.objects.filter(job=job).order_by().values_list("state").annotate(Count("pk")))
    return Counted(done=states.get("done", 0), failed=states.get("failed", 0), waiting=states.get("waiting", 0))


def count_children(job: Job) -> Counted:
    """Count the jobs that were submitted on behalf of this one by where they stand."""
    states = dict(Job.objects.filter(parent=job).order_by().values_list("state").annotate(Count("pk")))
    failed = states.get(State.FAILED, 0) + states.get(State.CANCELLED, 0)
    waiting = sum(states.get(state, 0) for state in PENDING)
    return Counted(states.get(State.SUCCEEDED, 0), failed, waiting, states.get(State.RUNNING, 0))


def summed_results(job_id: int) -> dict[str, int]:
    """Return the whole numbers in the results of a job's items, added up by name, over all attempts."""
    sums: dict[str, int] = {}
    for result in JobItem.objects.filter(job=job_id, result__isnull=False).values_list("result", flat=True).iterator():
        for name, value in (result or {}).items():
            if isinstance(value, int):
                sums[name] = sums.get(name, 0) + value
    return sums


@dataclass(frozen=True, slots=True)
class Flow:
    """How many jobs ended in one minute or hour that begins at `at`; `failed` are those of `ended` that failed."""

    at: datetime
    ended: int
    failed: int


def throughput(*, hours: int, now: datetime | None = None) -> list[Flow]:
    """Return what ended in the last hours, per minute for one hour, else per hour; empty stretches among them."""
    now = (now or timezone.now()).astimezone(UTC)
    by_minute = hours <= 1
    step = timedelta(minutes=1) if by_minute else timedelta(hours=1)
    last = now.replace(second=0, microsecond=0) if by_minute else now.replace(minute=0, second=0, microsecond=0)
    count = 60 if by_minute else hours
    first = last - (count - 1) * step
    ended = Job.objects.filter(finished_at__gte=first, state__in=(State.SUCCEEDED, State.FAILED)).order_by()
    cut = TruncMinute("finished_at", tzinfo=UTC) if by_minute else TruncHour("finished_at", tzinfo=UTC)
    rows = ended.values(at=cut).annotate(count=Count("pk"), failed=Count("pk", filter=Q(state=State.FAILED)))
    found = {row["at"]: (row["count"], row["failed"]) for row in rows}
    return [Flow(at, *found.get(at, (0, 0))) for at in (first + number * step for number in range(count))]
