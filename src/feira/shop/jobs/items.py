"""The items of a job: many like things with a state each, so that a repeated job does only what is missing.

A handler plans them, takes what is not done, and finishes them together with their effects:

    job.items.plan(str(photo_id) for photo_id in photo_ids)
    for names in job.items.batches(100):
        made = [make(name) for name in names]  # slow, without a transaction
        with job.committing_items(names) as results:
            store(made)
            results[names[0]] = {"bytes": 17}
    job.items.require_done()
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.db import connection, transaction

from feira.shop.jobs import leases, selectors
from feira.shop.jobs.errors import ItemNotOpen, ItemsMissing
from feira.shop.jobs.leases import ERROR_LENGTH, Lease
from feira.shop.jobs.models import ItemState, JobItem
from feira.shop.jobs.selectors import ItemCounts

PLANNED_AT_ONCE = 2000
NAME_LENGTH = 200
INSERT = (
    "INSERT INTO jobs_jobitem (job_id, name, state, attempts, error) "
    "SELECT %s, value, 'waiting', 0, '' FROM {rows} WHERE true ON CONFLICT DO NOTHING"
)
# Names as rows, from a JSON list.
ROWS = {"sqlite": "json_each(%s)", "postgresql": "jsonb_array_elements_text(%s::jsonb)"}
# SQLite takes only so many values in one statement.
MOST_NAMES = 500
LOOK_EVERY_S = 0.5


class Items:
    """The items of a running job, in the hands of its handler."""

    def __init__(self, lease: Lease, check: Callable[[], None]) -> None:
        """Use a lease; `check` raises what the attempt was told to stop for."""
        self._lease, self._check = lease, check
        self._looked_at = float("-inf")

    def plan(self, names: Iterable[str]) -> ItemCounts:
        """Make sure that the job has an item of each name; those it has already stay as they are.

        Takes seconds for 100,000 names. Sets the job's progress to what is done of all its items.

        Args:
            names: 1 to 200 characters each; todo() gives them in this order.

        Raises:
            ValueError: a name is empty or too long; names before it may be planned already.
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        left = iter(names)
        while some := list(islice(left, PLANNED_AT_ONCE)):
            with transaction.atomic():
                leases.renew(self._lease)
                _insert(self._lease.job_id, some)
        counts = self.counts()
        leases.set_progress(self._lease, counts.done, counts.total)
        return counts

    def counts(self) -> ItemCounts:
        """Return how many items wait, are done and have failed, by one query."""
        return selectors.item_counts([self._lease.job_id])[self._lease.job_id]

    def todo(self) -> Iterator[str]:
        """Yield the name of every item that is not done: first those that failed before, then those never done.

        Both in the order in which they were planned, and read a few hundred at a time. An item that fails meanwhile
        is not yielded again; the next call or attempt will. Between two items it is looked whether the job is still
        ours, at most twice a second.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        for names in self.batches(MOST_NAMES):
            for name in names:
                self._look()
                yield name

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield what `todo` yields as lists of at most `size` names.

        Raises:
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        # Failed before waiting: what fails now must not come up again in this round.
        for state in (ItemState.FAILED, ItemState.WAITING):
            last = 0
            while rows := self._after(last, state, size):
                self._look()
                yield [name for _number, name in rows]
                last = rows[-1][0]

    def finish(self, name: str, result: Mapping[str, Any] | None = None) -> None:
        """Note that an item is done; with effects in the database use `job.committing_items` instead.

        Raises:
            ItemNotOpen: no such item was planned, or it is done already.
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        self.finish_many({name: result})

    def finish_many(self, results: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Note that many items are done, each with its result, all of them or none.

        Raises:
            ItemNotOpen: one was not planned, or is done already; then nothing is noted.
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        with transaction.atomic():
            leases.count_items(self._lease, len(results))
            self._move(
                {
                    name: {"state": ItemState.DONE, "result": None if result is None else dict(result), "error": ""}
                    for name, result in results.items()
                }
            )

    def fail(self, name: str, error: str) -> None:
        """Note that an item could not be done this time. The job goes on; another attempt tries the item again.

        Raises:
            ItemNotOpen: no such item was planned, or it is done already.
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        self.fail_many({name: error})

    def fail_many(self, errors: Mapping[str, str]) -> None:
        """Note that many items could not be done, each with the reason, all of them or none.

        Raises:
            ItemNotOpen: one was not planned, or is done already; then nothing is noted.
            LeaseLost: the job was cancelled or taken over; let it pass.
        """
        with transaction.atomic():
            leases.renew(self._lease)
            self._move(
                {
                    name: {"state": ItemState.FAILED, "result": None, "error": error[:ERROR_LENGTH]}
                    for name, error in errors.items()
                }
            )

    def require_done(self) -> None:
        """End this attempt as failed unless every item is done; the next one, if there is one, does the missing.

        Raises:
            ItemsMissing: so many failed or were not reached, and why the first one failed.
        """
        counts = self.counts()
        if counts.done == counts.total:
            return
        failed = JobItem.objects.filter(job=self._lease.job_id, state=ItemState.FAILED).order_by("pk").first()
        why = f" The first: {failed.name}: {failed.error}" if failed else ""
        raise ItemsMissing(
            f"{counts.failed} of {counts.total} items failed, {counts.waiting} were not reached.{why}",
            job_id=self._lease.job_id,
        )

    def _after(self, last: int, state: ItemState, most: int) -> list[tuple[int, str]]:
        rows = JobItem.objects.filter(job=self._lease.job_id, state=state, pk__gt=last).order_by("pk")
        return list(rows.values_list("pk", "name")[:most])

    def _look(self) -> None:
        self._check()
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            leases.renew(self._lease)

    def _move(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Change open items. The caller has made sure of the lease in this transaction, so nobody else changes them."""
        attempts: dict[str, int] = {}
        names = list(changes)
        for start in range(0, len(names), MOST_NAMES):
            some = JobItem.objects.filter(job=self._lease.job_id, name__in=names[start : start + MOST_NAMES])
            attempts.update(some.exclude(state=ItemState.DONE).values_list("name", "attempts"))
        if not_open := [name for name in names if name not in attempts]:
            raise ItemNotOpen(self._lease.job_id, not_open)
        # Much faster than bulk_update, which writes a condition per row and field.
        JobItem.objects.bulk_create(
            [
                JobItem(job_id=self._lease.job_id, name=name, attempts=attempts[name] + 1, **values)
                for name, values in changes.items()
            ],
            update_conflicts=True,
            unique_fields=["job", "name"],
            update_fields=["state", "attempts", "result", "error"],
        )


def _insert(job_id: int, names: list[str]) -> None:
    """Add items of these names unless they are there: one statement for all."""
    for name in names:
        if not 0 < len(name) <= NAME_LENGTH:
            raise ValueError(f"{name[:50]!r} is no name for an item: it needs 1 to {NAME_LENGTH} characters.")
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(rows=ROWS[connection.vendor]), [job_id, json.dumps(names)])
