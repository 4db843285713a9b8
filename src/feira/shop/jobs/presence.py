"""Letting the shop know that a worker is there."""

import threading
from collections.abc import Callable

import structlog
from django.db import DatabaseError
from django.utils import timezone

from feira.shop.jobs.forking import database_use
from feira.shop.jobs.models import Worker
from feira.shop.jobs.owners import this_process

SHOW_EVERY_S = 5.0

logger = structlog.get_logger(__name__)


class Presence:
    """Shows this worker process in the ledger every few seconds, from a thread, until stopped."""

    def __init__(self, queues: list[str], concurrency: int) -> None:
        self._queues, self._concurrency = queues, concurrency
        self._owner = this_process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show_until_stopped, name="presence", daemon=True)

    def start(self) -> None:
        """Show up, and keep doing so."""
        self._thread.start()

    def stop(self) -> None:
        """Take leave; fine when never started."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _show_until_stopped(self) -> None:
        while not self._stop.is_set():
            self._try(self._show)
            self._stop.wait(SHOW_EVERY_S)
        self._try(self._leave)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            with database_use():
                step()
        except DatabaseError as error:
            logger.warning("worker_not_shown", reason=str(error))

    def _show(self) -> None:
        Worker.objects.update_or_create(
            owner=self._owner,
            defaults={"queues": self._queues, "concurrency": self._concurrency, "seen_at": timezone.now()},
        )

    def _leave(self) -> None:
        Worker.objects.filter(owner=self._owner).delete()
