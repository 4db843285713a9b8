"""What recurs: functions that the beat calls, each at its interval, as staff have set it in the table of periodic work.

The functions bring their intervals. A row of `Periodic` may say another one, or that the work is not wanted, or ask for
it at once; the beat reads the table every other second.
"""

import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from feira.shop.jobs.models import Periodic

# What recurs every few seconds is noted less often: writing its last run down would cost more than it tells.
NOTED_EVERY_S = 30.0
READ_EVERY_S = 2.0
# Without its vital work a shop loses jobs: it cannot be switched off, nor made rarer than this.
VITAL_AT_LEAST_EVERY_S = 60.0

Work = Callable[[], object]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recurring:
    """A function and how often it is called unless somebody has set another interval."""

    name: str
    every_s: float
    run: Work
    is_vital: bool = False

    @property
    def describes(self) -> str:
        """What it does: the first line of the function's own words."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]

    def interval_s(self, row: Periodic | None) -> float | None:
        """Return how often it is to be called as its row says, in seconds; None for never."""
        wanted_s = self.every_s if row is None or row.every_s is None else row.every_s
        if self.is_vital:
            return min(wanted_s, max(VITAL_AT_LEAST_EVERY_S, self.every_s))
        return wanted_s if row is None or row.is_enabled else None


_recurring: dict[str, Recurring] = {}


def periodic(*, every_s: float, name: str = "", is_vital: bool = False) -> Callable[[Work], Work]:
    """Let the beat call a function every `every_s` seconds, unless staff want another interval or none.

    It must be quick, for the others wait: long work submits a job. It must bear to run twice at a time, for a second
    beat takes over when the first falls silent.

    Args:
        every_s: interval from start to start, in seconds.
        name: `app.verb`; made from the app and the function's name when empty.
        is_vital: it cannot be switched off, and its interval not set beyond a minute.
    """

    def register(run: Work) -> Work:
        chosen = name or f"{run.__module__.split('.')[-2]}.{run.__name__}"
        _recurring[chosen] = Recurring(chosen, every_s, run, is_vital)
        return run

    return register


def recurring_work() -> list[Recurring]:
    """Return everything that recurs, by name."""
    return [_recurring[name] for name in sorted(_recurring)]


def recurring_named(name: str) -> Recurring | None:
    """Return what recurs under a name; None when no installed app has it any more."""
    return _recurring.get(name)


def next_run_at(row: Periodic, *, now: datetime) -> datetime | None:
    """Return when a piece of periodic work is to run next; None when it is not to."""
    entry = recurring_named(row.name)
    if entry is None:
        return None
    if row.run_asked_at is not None:
        return now
    interval_s = entry.interval_s(row)
    if interval_s is None:
        return None
    return now if row.last_run_at is None else max(now, row.last_run_at + timedelta(seconds=interval_s))


class Timetable:
    """Knows what is due. Intervals are counted from the last run in the database, across restarts."""

    def __init__(self, recurring: list[Recurring] | None = None) -> None:
        self._recurring = list(_recurring.values()) if recurring is None else recurring
        Periodic.objects.bulk_create([Periodic(name=entry.name) for entry in self._recurring], ignore_conflicts=True)
        self._begun_at = timezone.now()
        self._rows: dict[str, Periodic] = {}
        self._read_at = float("-inf")
        self._started: dict[str, datetime] = {}
        self._noted: dict[str, float] = {}

    def run_due(self) -> list[str]:
        """Call whatever is due, and return the names. A failure is logged and noted, and waits for its next turn."""
        if time.monotonic() - self._read_at >= READ_EVERY_S:
            self._read_at = time.monotonic()
            self._rows = {row.name: row for row in Periodic.objects.all()}
        now = timezone.now()
        due = [entry for entry in self._recurring if (at := self._due_at(entry)) is not None and at <= now]
        for entry in due:
            self._run(entry)
        return [entry.name for entry in due]

    def wait_s(self, *, most: float) -> float:
        """Return how long nothing will be due, in seconds, at most `most`."""
        due = [at for entry in self._recurring if (at := self._due_at(entry)) is not None]
        if not due:
            return most
        return min(max((min(due) - timezone.now()).total_seconds(), 0.0), most)

    def _due_at(self, entry: Recurring) -> datetime | None:
        row = self._rows.get(entry.name)
        last = self._started.get(entry.name) or (row.last_run_at if row else None)
        if row is not None and row.run_asked_at is not None:
            return self._begun_at
        interval_s = entry.interval_s(row)
        if interval_s is None:
            return None
        return self._begun_at if last is None else last + timedelta(seconds=interval_s)

    def _run(self, entry: Recurring) -> None:
        started_at, start = timezone.now(), time.monotonic()
        self._started[entry.name] = started_at
        error = ""
        try:
            entry.run()
        except Exception as failure:  # noqa: BLE001 - one entry's failure must not stop the others
            error = f"{type(failure).__name__}: {failure}"
            logger.warning("periodic_work_failed", name=entry.name, reason=error)
        row = self._rows.get(entry.name)
        is_news = row is None or row.run_asked_at is not None or row.last_error != error
        if is_news or start - self._noted.get(entry.name, float("-inf")) >= NOTED_EVERY_S:
            self._noted[entry.name] = start
            self._note(entry.name, started_at, time.monotonic() - start, error)

    def _note(self, name: str, started_at: datetime, took_s: float, error: str) -> None:
        rows = Periodic.objects.filter(name=name)
        rows.update(last_run_at=started_at, last_took_s=took_s, last_error=error)
        if row := self._rows.get(name):
            # By its value: who asks again meanwhile is heard, too.
            rows.filter(run_asked_at=row.run_asked_at).update(run_asked_at=None)
            row.last_run_at, row.last_error, row.run_asked_at = started_at, error, None
