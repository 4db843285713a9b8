"""The statements that every single job needs, written out: to compose one anew takes longer than to execute it.

Each is one round trip, does its looking and its moving at once, and leaves it to the database who wins. What happens
less often is said in Django's words, in `feira.shop.jobs.leases` and `feira.shop.jobs.delivery`.
"""

# ruff: noqa: S608 - the only pieces put into statements are constants and question marks

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import JSONField

from feira.shop.jobs.models import PENDING, State
from feira.shop.jobs.registry import USUAL_LEASE_S, unusual_leases

TABLE, DEPENDENCY = "jobs_job", "jobs_dependency"
IS_PENDING = "state IN ({})".format(", ".join(f"'{state.value}'" for state in PENDING))

# The first of a queue in each state that a job may be claimed in: either reads one row of its index. What another
# worker is just claiming is passed over, where the database lets others work at all meanwhile.
FIRST = (
    "SELECT id, priority, run_after FROM ("
    f"SELECT id, priority, run_after FROM {TABLE} "
    f"WHERE queue = (SELECT queue FROM {TABLE} WHERE id = %s) AND unmet = 0 AND state = '{{state}}' "
    "AND run_after <= %s ORDER BY priority, run_after, id LIMIT 1 {lock}) AS of_{state}"
)
CLAIM_FIRST = (
    f"UPDATE {TABLE} SET state = '{State.RUNNING.value}', attempts = attempts + 1, lease_token = %s, "
    "lease_owner = %s, lease_until = {until}, started_at = %s "
    "WHERE id = (SELECT id FROM ({first}) AS pending ORDER BY priority, run_after, id LIMIT 1) "
    "RETURNING id, kind, payload, attempts, max_attempts"
)

SUCCEED = (
    f"UPDATE {TABLE} SET state = '{State.SUCCEEDED.value}', result = %s, error = '', reference = '', "
    "finished_at = %s, lease_until = NULL "
    f"WHERE id = %s AND state = '{State.RUNNING.value}' AND lease_token = %s"
)
# In order, so that two jobs that succeed at once never wait for each other's rows.
LOCK_DEPENDANTS = (
    f"SELECT job.id FROM {TABLE} AS job JOIN {DEPENDENCY} AS known ON known.job_id = job.id WHERE known.on_id = %s "
    "ORDER BY job.id {lock}"
)

# As many as there is room for, which is never below zero, because the count ends at the limit.
HAND_OUT = (
    f"UPDATE {TABLE} SET state = '{State.QUEUED.value}', published_at = %s, publish_count = publish_count + 1 "
    f"WHERE id IN (SELECT id FROM {TABLE} WHERE id IN ({{marks}}) AND queue = %s AND unmet = 0 AND run_after <= %s "
    f"AND published_at IS NULL AND {IS_PENDING} ORDER BY priority, id LIMIT (%s - (SELECT count(*) FROM "
    f"(SELECT 1 FROM {TABLE} WHERE queue = %s AND unmet = 0 AND state = '{State.QUEUED.value}' LIMIT %s) AS there))) "
    f"AND published_at IS NULL AND {IS_PENDING} RETURNING id"
)

JSON: Any = JSONField()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job as it was claimed; `attempt` counts this one."""

    job_id: int
    kind: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int


def claim_first(job_id: int, *, token: str, owner: str, now: datetime) -> Claimed | None:
    """Claim the job that goes first in the queue of a job, perhaps that one; None when none there may run."""
    kinds = unusual_leases()
    until = " ".join(["CASE kind", *["WHEN %s THEN %s"] * len(kinds), "ELSE %s END"]) if kinds else "%s"
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update else ""
    first = " UNION ALL ".join(FIRST.format(state=state.value, lock=lock) for state in PENDING)
    at = _moment(now)
    ends = [value for kind, seconds in kinds.items() for value in (kind, _moment(now + timedelta(seconds=seconds)))]
    ends.append(_moment(now + timedelta(seconds=USUAL_LEASE_S)))
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM_FIRST.format(until=until, first=first), [token, owner, *ends, at, *[job_id, at] * len(PENDING)]
        )
        row = cursor.fetchone()
    if row is None:
        return None
    number, kind, payload, attempt, max_attempts = row
    return Claimed(number, kind, JSON.from_db_value(payload, None, connection), attempt, max_attempts)


def succeed(job_id: int, token: str, result: Mapping[str, Any] | None, now: datetime) -> bool:
    """End a job well that is still held under this token; False when it is not."""
    with connection.cursor() as cursor:
        cursor.execute(SUCCEED, [JSON.get_db_prep_save(result, connection), _moment(now), job_id, token])
        return bool(cursor.rowcount)


def lock_dependants(job_id: int) -> list[int]:
    """Return the numbers of the jobs that were to wait for this one; until the transaction ends nobody changes them."""
    lock = "FOR UPDATE OF job" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DEPENDANTS.format(lock=lock), [job_id])
        return [number for (number,) in cursor.fetchall()]


def hand_out(job_ids: Sequence[int], queue: str, *, most: int, now: datetime) -> list[int]:
    """Note of jobs of a queue that may run and were never published that they are, as long as there is room.

    Args:
        job_ids: at most a few hundred; numbers of other jobs, or of none, are passed over.
        most: how many of the queue may be with the broker, these included.

    Returns:
        The numbers of those that were noted, the first to go first.
    """
    if not job_ids:
        return []
    at = _moment(now)
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(job_ids))
        cursor.execute(HAND_OUT.format(marks=marks), [at, *job_ids, queue, at, most, queue, most])
        noted = {number for (number,) in cursor.fetchall()}
    return [number for number in job_ids if number in noted]


def _moment(value: datetime) -> Any:
    """Return a time as this database takes it in a statement of one's own."""
    return connection.ops.adapt_datetimefield_value(value)
