"""The Celery application: one task that runs one job, over whichever broker the settings name.

Celery carries numbers of jobs and nothing else. What is to be done, how it went and when to try again stand in the
ledger, so no result backend, no retries, no priorities and no schedules of Celery are used.
"""

from importlib.util import find_spec
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from feira.core.errors import Misconfigured
from feira.settings import Settings, load_settings, sqlite_path
from feira.shop.jobs.registry import QUEUES, SHORTEST_FIRST

# The one message: its argument is the number of a job. `feira.shop.jobs.pickup` holds what workers do with it.
RUN_JOB = "feira.run_job"
EMBEDDED_TRANSPORT = "feira.shop.jobs.transport:Transport"
# Redis hands a message out again when its worker was silent for this long. Short, because a message about a job that
# is still running costs one look into the ledger.
REDIS_REDELIVERY_S = 120
# Whoever submits must not wait for a broker that is away: one more try, then the reconciler takes over.
PUBLISH_TRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


def celery_config(settings: Settings) -> dict[str, Any]:
    """Return Celery's configuration for these settings.

    Raises:
        Misconfigured: the broker is of a kind that we do not speak to, or its client is missing.
    """
    url = settings.resolved_broker_url()
    path = sqlite_path(url)
    if path is not None:
        broker: dict[str, Any] = {
            "broker_url": "localhost",
            "broker_transport": EMBEDDED_TRANSPORT,
            "broker_transport_options": {**PUBLISH_TRIES, "path": str(path), "queue_order": SHORTEST_FIRST},
        }
    elif url.startswith(("redis:", "rediss:")):
        if find_spec("redis") is None:
            raise Misconfigured("FEIRA_BROKER_URL names Redis, whose client is missing. Install feira[redis].")
        options = {**PUBLISH_TRIES, "visibility_timeout": REDIS_REDELIVERY_S}
        broker = {"broker_url": url, "broker_transport_options": options}
    elif not url.startswith(("amqp:", "amqps:")):
        raise Misconfigured("FEIRA_BROKER_URL must start with redis://, rediss://, amqp:// or amqps://, or be empty.")
    else:
        broker = {"broker_url": url, "broker_transport_options": PUBLISH_TRIES}
    return {
        **broker,
        "broker_connection_timeout": 3,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_queues": [Queue(name, Exchange(name), routing_key=name, durable=True) for name in QUEUES],
        "task_default_queue": "default",
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "result_backend": None,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "control_queue_expires": 60.0,
    }


# Without Celery's own Django fix-up: it runs all system checks in every child and reconnects for every task.
app = Celery("feira", fixups=[])
app.add_defaults(lambda: celery_config(load_settings()))
