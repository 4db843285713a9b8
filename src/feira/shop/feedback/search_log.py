"""Writes down searches without making anybody wait: rows gather in memory and go to the database in batches.

A search only reads, and on SQLite a read never waits for a writer; an INSERT of its own would make it do so. What is
gathered is lost when the process is killed: at most some seconds of a log that serves statistics.
"""

import atexit
import os
import random
import threading
from collections import deque
from functools import cache

import structlog
from django.db import DatabaseError, connections, transaction

from feira.settings import load_settings
from feira.shop.feedback.models import SearchLog

MOST_GATHERED = 5_000
BATCH = 200

log = structlog.get_logger(__name__)


class SearchRecorder:
    """One process's gathered rows and the thread that writes them; survives a fork (the child starts its own)."""

    def __init__(self, *, delay_s: float, share: float) -> None:
        """Write every `delay_s` seconds (0: at once, by the caller) the given share of searches, drawn by chance."""
        self.delay_s, self.share = delay_s, share
        # When full, the oldest rows fall off: a log must never grow into the memory of the pages.
        self._rows: deque[SearchLog] = deque(maxlen=MOST_GATHERED)
        self._pid = 0
        self._lock = threading.Lock()

    def add(self, row: SearchLog) -> None:
        """Take a row; never fails."""
        if self.share < 1 and random.random() >= self.share:
            return
        self._rows.append(row)
        if self.delay_s <= 0:
            self.write()
        elif self._pid != os.getpid():
            self._start()

    def write(self) -> int:
        """Write what was gathered and return how many rows that were; a database that refuses costs the rows only."""
        rows: list[SearchLog] = []
        while self._rows and len(rows) < MOST_GATHERED:
            rows.append(self._rows.popleft())
        if not rows:
            return 0
        try:
            with transaction.atomic():
                SearchLog.objects.bulk_create(rows, batch_size=BATCH)
        except DatabaseError as error:
            log.warning("search_log_not_written", rows=len(rows), reason=str(error))
            return 0
        return len(rows)

    def _start(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            threading.Thread(target=self._keep_writing, name="search-log", daemon=True).start()
            atexit.register(self.write)

    def _keep_writing(self) -> None:
        pause = threading.Event()
        while not pause.wait(self.delay_s):
            if self._rows:
                self.write()
                connections["default"].close_if_unusable_or_obsolete()


@cache
def recorder() -> SearchRecorder:
    """Return this process's recorder."""
    settings = load_settings()
    return SearchRecorder(delay_s=settings.search_log_delay_s, share=settings.search_log_share)
