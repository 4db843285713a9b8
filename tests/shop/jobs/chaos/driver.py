"""The part of a web process in the system tests: takes orders as JSON lines on stdin, answers on stdout."""

import json
import sys
from typing import Any

from django.db import transaction

from feira.settings import load_settings
from feira.shop.jobs import services
from feira.shop.jobs.celery import app
from feira.shop.jobs.models import Job
from feira.shop.web.logs import configure_logs


class ChangedMind(Exception):
    """Makes the transaction around a submission roll back."""


def obey() -> None:
    """Answer every order until stdin ends."""
    configure_logs(load_settings())
    for line in sys.stdin:
        print(json.dumps(_do(**json.loads(line))), flush=True)  # noqa: T201 - the answer


def _do(order: str, **facts: Any) -> Any:
    match order:
        case "submit":
            return [services.submit("chaos.work", payload).pk for payload in facts["payloads"]]
        case "submit_one":
            terms = {name: facts[name] for name in ("priority",) if name in facts}
            after = list(Job.objects.filter(pk__in=facts.get("after", ())))
            return services.submit(facts["kind"], facts.get("payload"), after=after, **terms).pk
        case "cancel":
            return services.cancel(Job.objects.get(pk=facts["job"]))
        case "retry":
            return services.retry(Job.objects.get(pk=facts["job"])).pk
        case "submit_and_roll_back":
            try:
                with transaction.atomic():
                    job_id = services.submit("chaos.work").pk
                    raise ChangedMind
            except ChangedMind:
                return job_id
        case "ping":
            return app.control.ping(timeout=1.0)
    raise ValueError(order)
