"""The process `feira beat`: calls what recurs. One beat works; a second waits for its turn."""

import signal
import threading
import time
from types import FrameType

import structlog
from django.db import DatabaseError, close_old_connections, connections
from prometheus_client import CollectorRegistry

from feira.health import HealthServer
from feira.settings import load_settings
from feira.shop.jobs import duties, metrics
from feira.shop.jobs.forking import database_use
from feira.shop.jobs.periodic import Timetable
from feira.shop.web.logs import configure_logs

DUTY = "beat"
TERM_S = 15.0
TURN_S = 1.0
SILENCE_S = 60.0

logger = structlog.get_logger(__name__)


def run_beat(health_port: int) -> None:
    """Call what recurs until SIGTERM or SIGINT. Django must be set up; /readyz answers on the loopback address.

    A beat that has to wait for another is ready, too: it is there to take over.
    """
    configure_logs(load_settings())
    beat = Beat()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, beat.stop_on_signal)
    registry = CollectorRegistry()
    metrics.register(registry, database_use)
    health = HealthServer(health_port, why_not_ready=beat.why_not_ready, registry=registry)
    logger.info("beat_ready", health_port=health.port)
    try:
        beat.run()
    finally:
        health.close()


class Beat:
    """The loop: hold the duty, call what is due, wait."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._timetable: Timetable | None = None
        self._hold_at = 0.0
        self._turned_at = float("-inf")
        self._trouble = "starting"

    def run(self) -> None:
        """Turn until stopped, then let another beat have the duty at once."""
        while not self._stop.is_set():
            self._stop.wait(self._turn())
        try:
            duties.release(DUTY)
        except DatabaseError as error:
            logger.warning("beat_duty_not_released", reason=str(error))
        finally:
            connections.close_all()

    def stop(self) -> None:
        """Let `run` return after the present turn."""
        self._stop.set()

    def stop_on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Stop, as a signal handler."""
        self.stop()

    @property
    def is_on_duty(self) -> bool:
        """Whether this is the beat that works."""
        return self._timetable is not None

    def why_not_ready(self) -> str:
        """Return what keeps the beat from working, or nothing."""
        if time.monotonic() - self._turned_at > SILENCE_S:
            return self._trouble or "stuck in a piece of periodic work"
        return self._trouble

    def _turn(self) -> float:
        """Do what is due and return for how long nothing will be, in seconds."""
        try:
            close_old_connections()
            now = time.monotonic()
            if now >= self._hold_at:
                if not duties.hold(DUTY, seconds=TERM_S):
                    self._timetable = None
                    return self._turned(wait_s=TURN_S)
                self._hold_at = now + TERM_S / 3
                self._timetable = self._timetable or Timetable()
            if self._timetable is None:
                return self._turned(wait_s=TURN_S)
            self._timetable.run_due()
            return self._turned(wait_s=self._timetable.wait_s(most=TURN_S))
        except DatabaseError as error:
            self._trouble = f"no database: {error}"
            logger.warning("beat_without_database", reason=str(error))
            return TURN_S

    def _turned(self, *, wait_s: float) -> float:
        self._turned_at, self._trouble = time.monotonic(), ""
        return wait_s
