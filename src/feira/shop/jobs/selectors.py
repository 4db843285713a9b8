"""Questions about jobs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from feira.shop.jobs.models import PENDING, UNFINISHED, Job, State

REPUBLISH_AFTER_S = 30
REPUBLISH_AT_MOST_S = 3600


def unfinished_job(kind: str, key: str) -> Job | None:
    """Return the one unfinished job of this kind with this key, if there is one."""
    return Job.objects.filter(kind=kind, key=key, state__in=UNFINISHED).first()


def unfinished_of_kind(kind: str) -> bool:
    """Tell whether any job of this kind waits or runs."""
    return Job.objects.filter(kind=kind, state__in=UNFINISHED).exists()


def outstanding_jobs() -> int:
    """Return how many jobs are with the broker and not picked up so far."""
    return Job.objects.filter(state=State.QUEUED).count()


def jobs_never_published(*, now: datetime, most: int) -> list[Job]:
    """Return due jobs that the broker does not know, longest due first."""
    due = Job.objects.filter(state=State.WAITING, run_after__lte=now)
    return list(due.order_by("run_after", "pk").only("queue", "published_at")[:most])


def jobs_to_publish_again(*, now: datetime, most: int) -> list[Job]:
    """Return jobs that were published and picked up by nobody, longest ago first.

    The patience is 30 s × 2^publications, at most an hour, so that a broker without workers is not flooded.
    """
    overdue, patience_s, count = Q(pk__in=[]), REPUBLISH_AFTER_S, 0
    while patience_s < REPUBLISH_AT_MOST_S:
        overdue |= Q(publish_count=count, published_at__lt=now - timedelta(seconds=patience_s))
        patience_s, count = 2 * patience_s, count + 1
    overdue |= Q(publish_count__gte=count, published_at__lt=now - timedelta(seconds=REPUBLISH_AT_MOST_S))
    queued = Job.objects.filter(overdue, state=State.QUEUED)
    return list(queued.order_by("published_at", "pk").only("queue", "published_at")[:most])


def jobs_by_kind_and_state() -> list[tuple[str, str, int]]:
    """Return how many jobs there are of each kind in each state."""
    rows = Job.objects.values_list("kind", "state").annotate(Count("pk")).order_by("kind", "state")
    return [(kind, state, count) for kind, state, count in rows]


def oldest_due_age_s(*, now: datetime | None = None) -> dict[str, float]:
    """Return for each queue with due jobs how long its oldest has been due, in seconds."""
    now = now or timezone.now()
    due = Job.objects.filter(state__in=PENDING, run_after__lte=now)
    rows = due.values_list("queue").annotate(Min("run_after")).order_by("queue")
    return {queue: (now - oldest).total_seconds() for queue, oldest in rows}


@dataclass(frozen=True)
class Backlog:
    """How much work is left."""

    pending: int
    running: int


def backlog() -> Backlog:
    """Return how many jobs wait and run, whatever their kind."""
    counts = dict(Job.objects.filter(state__in=UNFINISHED).values_list("state").annotate(Count("pk")).order_by())
    running = counts.pop(State.RUNNING.value, 0)
    return Backlog(pending=sum(counts.values()), running=running)
