"""What recurs: functions that the beat calls, each at its interval."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from feira.shop.jobs.models import Periodic

# What recurs more often starts anew with the process; writing its last run down would cost more than it tells.
REMEMBERED_FROM_S = 60.0

Work = Callable[[], object]
logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recurring:
    """A function and how often it is called."""

    name: str
    every_s: float
    run: Work


_recurring: dict[str, Recurring] = {}


def periodic(*, every_s: float, name: str = "") -> Callable[[Work], Work]:
    """Let the beat call a function every `every_s` seconds.

    It must be quick, for the others wait: long work submits a job. It must bear to run twice at a time, for a second
    beat takes over when the first falls silent.

    Args:
        every_s: interval from start to start, in seconds.
        name: `app.verb`; made from the app and the function's name when empty.
    """

    def register(run: Work) -> Work:
        chosen = name or f"{run.__module__.split('.')[-2]}.{run.__name__}"
        _recurring[chosen] = Recurring(chosen, every_s, run)
        return run

    return register


class Timetable:
    """Knows what is due. Long intervals are counted from the last run in the database, across restarts."""

    def __init__(self, recurring: list[Recurring] | None = None) -> None:
        self._recurring = list(_recurring.values()) if recurring is None else recurring
        known = {row.name: row.last_run_at for row in Periodic.objects.all()}
        self._next = {entry.name: self._following(entry, known.get(entry.name)) for entry in self._recurring}

    def run_due(self) -> list[str]:
        """Call whatever is due, and return the names. A failure is logged and noted, and waits for its next turn."""
        due = [entry for entry in self._recurring if self._next[entry.name] <= timezone.now()]
        for entry in due:
            started_at, start = timezone.now(), time.monotonic()
            self._next[entry.name] = self._following(entry, started_at)
            error = ""
            try:
                entry.run()
            except Exception as failure:  # noqa: BLE001 - one entry's failure must not stop the others
                error = f"{type(failure).__name__}: {failure}"
                logger.warning("periodic_work_failed", name=entry.name, reason=error)
            if entry.every_s >= REMEMBERED_FROM_S:
                noted = {"last_run_at": started_at, "last_took_s": time.monotonic() - start, "last_error": error}
                Periodic.objects.update_or_create(name=entry.name, defaults=noted)
        return [entry.name for entry in due]

    def wait_s(self, *, most: float) -> float:
        """Return how long nothing will be due, in seconds, at most `most`."""
        if not self._next:
            return most
        return min(max((min(self._next.values()) - timezone.now()).total_seconds(), 0.0), most)

    @staticmethod
    def _following(entry: Recurring, last: datetime | None) -> datetime:
        return timezone.now() if last is None else last + timedelta(seconds=entry.every_s)
