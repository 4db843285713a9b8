"""Work that one asked for: `shop.jobs.list(state="failed")`, `shop.jobs.wait(7, progress=True)`."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from feira.client.downloads import PATIENCE_S
from feira.client.errors import Busy, Unreachable, WorkFailed
from feira.client.part import Part
from feira.client.progress import OnProgress, Progress, telling

FIRST_LOOK_S, LONGEST_LOOK_S = 0.3, 3.0
PAGE_SIZE = 100
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: `state` is waiting, queued, running, succeeded, failed or cancelled.

    `reference` is what to tell the operator when `error` says that something unexpected happened.
    """

    id: int
    kind: str
    queue: str
    state: str
    requested_by: int | None
    parent: int | None
    attempts: int
    max_attempts: int
    progress_done: int
    progress_total: int
    progress_message: str
    error: str
    reference: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it unless somebody retries it."""
        return self.state in ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class JobItem:
    """One of the many like things that a job does; `state` is waiting, done or failed."""

    name: str
    state: str
    attempts: int
    result: Mapping[str, Any] | None
    error: str


@dataclass(frozen=True, slots=True)
class JobLine:
    """A line that a job wrote about its work."""

    at: datetime
    level: str
    text: str


class Jobs(Part):
    """Jobs: those one asked for, for staff with the permission all of them."""

    def list(self, *, kind: str | None = None, state: str | None = None, parent: int | None = None) -> Iterator[Job]:
        """Yield jobs, the newest first; pages are read as they are needed."""
        return self._pages(Job, "jobs/", {"kind": kind, "state": state, "parent": parent})

    def get(self, job_id: int) -> Job:
        """Return one job."""
        return self._read(Job, self._transport.ask("GET", f"jobs/{job_id}/"))

    def items(self, job_id: int, *, state: str | None = None) -> Iterator[JobItem]:
        """Yield what a job does one by one, in the order in which it was planned."""
        return self._pages(JobItem, f"jobs/{job_id}/items/", {"state": state})

    def lines(self, job_id: int) -> Iterator[JobLine]:
        """Yield what a job has written about its work so far."""
        return self._pages(JobLine, f"jobs/{job_id}/lines/", {})

    def cancel(self, job_id: int) -> Job:
        """Call a job off; a running one stops between two items.

        Raises:
            Conflict: it has ended.
        """
        return self._read(Job, self._transport.ask("POST", f"jobs/{job_id}/cancel/"))

    def retry(self, job_id: int) -> Job:
        """Start a failed or cancelled job again; what is done stays done.

        Raises:
            Conflict: it neither failed nor was cancelled.
        """
        return self._read(Job, self._transport.ask("POST", f"jobs/{job_id}/retry/"))

    def wait(self, job_id: int, *, progress: bool | OnProgress = False, timeout_s: float | None = None) -> Job:
        """Return a job when it has succeeded; a shop that is away for a while is waited for.

        Raises:
            WorkFailed: it failed or was cancelled.
            TimeoutError: it takes longer than `timeout_s`.
        """
        started, pause_s, last_answer = time.monotonic(), FIRST_LOOK_S, time.monotonic()
        with telling(progress) as tell:
            while True:
                try:
                    job = self.get(job_id)
                    last_answer = time.monotonic()
                    tell(Progress(job.progress_message or job.kind, job.progress_done, job.progress_total))
                    if job.state == "succeeded":
                        return job
                    if job.is_finished:
                        raise WorkFailed(f"Job {job_id}", job.state, job.error)
                except (Unreachable, Busy):
                    if time.monotonic() - last_answer > PATIENCE_S:
                        raise
                if timeout_s is not None and time.monotonic() - started > timeout_s:
                    raise TimeoutError(f"Job {job_id} has not ended after {timeout_s:g} s.")
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.3, LONGEST_LOOK_S)

    def _pages(self, kind: type[Record], path: str, query: Mapping[str, Any]) -> Iterator[Record]:
        after: str | None = None
        while True:
            body = self._transport.ask("GET", path, query={**query, "after": after, "limit": PAGE_SIZE})
            found = self._read_all(kind, body)
            yield from found
            # The cursor of a log is there at its end too, for who wants to go on later.
            after = body["next_cursor"] if len(found) == PAGE_SIZE else None
            if after is None:
                return
