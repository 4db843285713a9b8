"""The process `feira worker`: Celery's worker with the shop's manners of starting, showing itself and stopping."""

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Collection
from types import FrameType
from typing import Any

import structlog
from celery import signals
from celery.exceptions import SecurityWarning
from django.db import DatabaseError, connection
from prometheus_client import CollectorRegistry

import feira.shop.jobs.pickup  # noqa: F401 - lets the worker know what to do with a message
from feira.core.errors import Misconfigured
from feira.health import HealthServer
from feira.settings import load_settings
from feira.shop.jobs import metrics
from feira.shop.jobs.celery import app
from feira.shop.jobs.forking import database_use
from feira.shop.jobs.limits import interrupter
from feira.shop.jobs.presence import Presence
from feira.shop.jobs.registry import QUEUES
from feira.shop.web.logs import configure_logs

# How long running jobs may go on after SIGTERM before they are given back to the ledger.
STOP_GRACE_S = 10.0

logger = structlog.get_logger(__name__)


def run_worker(queues: Collection[str] = QUEUES, *, concurrency: int = 2, health_port: int) -> int:
    """Work on the jobs of these queues until SIGTERM or SIGINT; return the process's exit code.

    Django must be set up. After the signal no further job is taken; running ones get `STOP_GRACE_S` to finish, and
    are then given back without the attempt being counted.

    Args:
        queues: names of queues, any order.
        concurrency: processes, each running one job at a time.
        health_port: where /healthz, /readyz and /metrics answer on the loopback address; 0 takes a free one.

    Raises:
        Misconfigured: there is no such queue.
    """
    if unknown := sorted(set(queues) - set(QUEUES)):
        raise Misconfigured(f"There is no queue named {', '.join(unknown)}. Choose from {', '.join(QUEUES)}.")
    configure_logs(load_settings())
    # Two lines for every message would bury what the jobs themselves have to say.
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Celery warns root because of pickled messages; ours are JSON and hold a number.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    chosen = [queue for queue in QUEUES if queue in queues]
    started = threading.Event()
    presence = Presence(chosen, concurrency)
    registry = CollectorRegistry()
    metrics.register(registry, database_use)
    health = HealthServer(health_port, why_not_ready=lambda: _why_not_ready(started), registry=registry)

    def on_ready(**_facts: Any) -> None:
        presence.start()
        started.set()
        logger.info("worker_ready", queues=chosen, concurrency=concurrency, health_port=health.port)

    # Celery keeps weak references to receivers; these names live as long as the worker runs.
    signals.worker_ready.connect(on_ready)
    signals.worker_shutting_down.connect(_limit_patience)
    signals.worker_process_init.connect(_prepare_child)
    signals.setup_logging.connect(_keep_logs_as_they_are)
    with database_use():
        pass  # whatever connection the caller left open must not be inherited by the children
    worker = app.Worker(
        queues=chosen,
        concurrency=concurrency,
        pool="prefork",
        optimization="fair",
        hostname=f"feira-{os.getpid()}@{socket.gethostname()}",
        loglevel=load_settings().log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    try:
        worker.start()
    finally:
        started.clear()
        presence.stop()
        health.close()
    return int(worker.exitcode or 0)


def _why_not_ready(started: threading.Event) -> str:
    if not started.is_set():
        return "not connected to the broker"
    try:
        with database_use(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"no database: {error}"
    return ""


def _limit_patience(how: str, **_facts: Any) -> None:
    """After the grace, turn a warm stop into a cold one, which ends the children with SIGTERM."""
    if how == "Warm":
        timer = threading.Timer(STOP_GRACE_S, os.kill, (os.getpid(), signal.SIGQUIT))
        timer.daemon = True
        timer.start()


def _prepare_child(**_facts: Any) -> None:
    """Let SIGTERM unwind the running job, so that it is given back rather than lost until its lease runs out.

    And let whatever watches over it interrupt it at its limits.
    """

    def unwind(_number: int, _frame: FrameType | None) -> None:
        # Once: Celery sends the signal again while the job is being given back.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, unwind)
    interrupter.install()


def _keep_logs_as_they_are(**_facts: Any) -> None:
    """Being connected to Celery's signal is enough to keep it from setting up logs of its own."""
