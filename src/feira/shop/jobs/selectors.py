"""Questions about jobs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from feira.shop.jobs.models import PENDING, UNFINISHED, Job, JobItem, State, Worker
from feira.shop.jobs.owners import is_surely_gone
from feira.shop.jobs.registry import QUEUES

WORKER_SILENCE_S = 20.0
MISS_AFTER_S = 5
REPUBLISH_AFTER_S = 30
REPUBLISH_AT_MOST_S = 3600


def unfinished_job(kind: str, key: str) -> Job | None:
    """Return the one unfinished job of this kind with this key, if there is one."""
    return Job.objects.filter(kind=kind, key=key, state__in=UNFINISHED).first()


def unfinished_of_kind(kind: str) -> bool:
    """Tell whether any job of this kind waits or runs."""
    return Job.objects.filter(kind=kind, state__in=UNFINISHED).exists()


def outstanding_jobs(queue: str) -> int:
    """Return how many jobs of a queue are with the broker and not picked up so far."""
    return Job.objects.filter(queue=queue, unmet=0, state=State.QUEUED).count()


def jobs_never_published(queue: str, *, now: datetime, most: int) -> list[Job]:
    """Return jobs of a queue that may run and that the broker does not know, in the order in which they are to run."""
    due = Job.objects.filter(queue=queue, unmet=0, state=State.WAITING, run_after__lte=now)
    return list(due.order_by("priority", "run_after", "pk").only("queue", "published_at")[:most])


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


def workers_there(*, now: datetime) -> list[Worker]:
    """Return the workers that have shown themselves lately and are not known to be dead."""
    seen = Worker.objects.filter(seen_at__gt=now - timedelta(seconds=WORKER_SILENCE_S))
    return [worker for worker in seen if not is_surely_gone(worker.owner)]


def idle_places(queue: str, *, now: datetime) -> int:
    """Return how many more jobs of a queue could run right now; rather too few than too many."""
    places = sum(worker.concurrency for worker in workers_there(now=now) if queue in worker.queues)
    return max(places - Job.objects.filter(state=State.RUNNING).count(), 0) if places else 0


def jobs_missed(queue: str, *, now: datetime, most: int) -> list[Job]:
    """Return jobs of a queue that were published and picked up by nobody, although somebody was free to.

    Ask only while workers are idle: then the broker has lost the messages, as one does that is started again. The
    patience is 5 s × 2^(publications - 1), at most that of `jobs_to_publish_again`.
    """
    missed, patience_s, count = Q(pk__in=[]), MISS_AFTER_S, 1
    while patience_s < REPUBLISH_AT_MOST_S:
        missed |= Q(publish_count=count, published_at__lt=now - timedelta(seconds=patience_s))
        patience_s, count = 2 * patience_s, count + 1
    queued = Job.objects.filter(missed, queue=queue, state=State.QUEUED)
    return list(queued.order_by("published_at", "pk").only("queue", "published_at")[:most])


def jobs_by_kind_and_state() -> list[tuple[str, str, int]]:
    """Return how many jobs there are of each kind in each state."""
    rows = Job.objects.values_list("kind", "state").annotate(Count("pk")).order_by("kind", "state")
    return [(kind, state, count) for kind, state, count in rows]


def oldest_due_age_s(*, now: datetime | None = None) -> dict[str, float]:
    """Return for each queue with due jobs how long its oldest has been due, in seconds."""
    now = now or timezone.now()
    # With the names of the queues only what waits is read of the index, not what has ended.
    due = Job.objects.filter(queue__in=QUEUES, unmet=0, state__in=PENDING, run_after__lte=now)
    rows = due.values_list("queue").annotate(Min("run_after")).order_by("queue")
    return {queue: (now - oldest).total_seconds() for queue, oldest in rows}


@dataclass(frozen=True)
class ItemCounts:
    """How the items of a job stand."""

    waiting: int = 0
    done: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All items."""
        return self.waiting + self.done + self.failed


def item_counts(job_ids: Collection[int]) -> dict[int, ItemCounts]:
    """Return for each of these jobs how its items stand, by one query; zeros for jobs without items."""
    rows = JobItem.objects.filter(job__in=job_ids).values_list("job", "state").annotate(Count("pk")).order_by()
    found: dict[int, dict[str, int]] = {}
    for job_id, state, count in rows:
        found.setdefault(job_id, {})[state] = count
    return {job_id: ItemCounts(**found.get(job_id, {})) for job_id in job_ids}


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
