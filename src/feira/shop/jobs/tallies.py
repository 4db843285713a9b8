"""Counts that only grow, for figures over time: how jobs ended, how long they took, how many leases were lost.

They are kept in the database, so that they do not depend on which process is asked, and survive restarts and the
forgetting of old jobs. Finished jobs are counted in by the beat, a few thousand at a time: a count at each end would
make all workers wait for the same row.
"""

from collections import Counter
from collections.abc import Mapping

from django.db import transaction
from django.db.models import F

from feira.shop.jobs.models import Job, State, Tally

# Seconds; a duration is counted under the first that is not smaller.
BOUNDS_S = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
BEYOND = "+Inf"
LEASE_LOST = "lease_lost"
SECONDS = "seconds"
MOST_PER_PASS = 5000
MOST_PER_STATEMENT = 500


def bucket_of(seconds: float) -> str:
    """Return the figure under which a duration is counted, such as `within_0.5` or `within_+Inf`."""
    return f"within_{next((f'{bound:g}' for bound in BOUNDS_S if seconds <= bound), BEYOND)}"


def add(amounts: Mapping[tuple[str, str], float]) -> None:
    """Add to figures, each named by kind and figure."""
    for (kind, figure), amount in sorted(amounts.items()):
        if not Tally.objects.filter(kind=kind, figure=figure).update(amount=F("amount") + amount):
            Tally.objects.get_or_create(kind=kind, figure=figure)
            Tally.objects.filter(kind=kind, figure=figure).update(amount=F("amount") + amount)


@transaction.atomic
def count_finished() -> int:
    """Count in the jobs that have finished since the last time, at most a few thousand; return how many.

    Each job is counted once, however many processes do this at once.
    """
    to_count = Job.objects.select_for_update().filter(is_counted=False, finished_at__isnull=False)
    jobs = list(to_count.order_by("finished_at").only("kind", "state", "started_at", "finished_at")[:MOST_PER_PASS])
    amounts: Counter[tuple[str, str]] = Counter()
    seconds: dict[tuple[str, str], float] = {}
    for job in jobs:
        amounts[job.kind, job.state] += 1
        took = job.took
        if took is not None and job.state in (State.SUCCEEDED, State.FAILED):
            taken_s = took.total_seconds()
            amounts[job.kind, bucket_of(taken_s)] += 1
            seconds[job.kind, SECONDS] = seconds.get((job.kind, SECONDS), 0.0) + taken_s
    add({**amounts, **seconds})
    numbers = [job.pk for job in jobs]
    for start in range(0, len(numbers), MOST_PER_STATEMENT):
        Job.objects.filter(pk__in=numbers[start : start + MOST_PER_STATEMENT]).update(is_counted=True)
    return len(jobs)


def tallies() -> dict[tuple[str, str], float]:
    """Return every figure by kind and figure."""
    return {(kind, figure): amount for kind, figure, amount in Tally.objects.values_list("kind", "figure", "amount")}
