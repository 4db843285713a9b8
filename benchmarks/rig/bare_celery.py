"""The baseline of jobs: Celery as it comes, without a ledger, over the same broker."""

import os

from celery import Celery

from feira.settings import sqlite_path
from feira.shop.jobs.transport import Transport
from rig.echo import Trips, make_trips, tell_done

BROKER = "BARE_CELERY_BROKER"


def make_app(url: str) -> Celery:
    """Return an application with Celery's own settings; over SQLite it uses the shop's transport."""
    app = Celery("bare", fixups=[])
    app.conf.task_ignore_result = True
    app.conf.broker_connection_retry_on_startup = True
    if path := sqlite_path(url):
        transport = f"{Transport.__module__}:{Transport.__qualname__}"
        app.conf.update(broker_url="localhost", broker_transport=transport)
        app.conf.broker_transport_options = {"path": str(path)}
    else:
        app.conf.update(broker_url=url)
    return app


app = make_app(os.environ.get(BROKER, "memory://"))


@app.task(name="bare.nothing")
def nothing(number: int, port: int) -> None:
    """Do nothing, and say so to whoever listens on the port."""
    tell_done(number, port)


def trips(alone: int, burst: int) -> Trips:
    """Send empty tasks one by one, then many at once."""
    return make_trips(nothing.delay, alone=alone, burst=burst)
