"""The doctor's look at what only Django can see; a process of its own, so that a broken shop cannot take it along."""

import typer
from django.conf import settings as django_settings
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from feira.cli.console import show_json
from feira.cli.findings import Finding, fail, ok, warn
from feira.cli.migrate import migrations_waiting, read_stamp, static_digest
from feira.core.errors import FeiraError
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.jobs.celery import app as celery
from feira.shop.jobs.models import PENDING, Job, State
from feira.shop.jobs.services import workers_alive
from feira.shop.listings.models import Listing
from feira.shop.photos.blobs import blob_store

BROKER_WAIT_S = 3
PROBE = b"feira doctor was here\n"

app = typer.Typer()


@app.command()
def examine_shop() -> None:
    """Print findings as JSON."""
    findings = [*examine_database(), examine_broker(), examine_blobs(), examine_static_files()]
    show_json([finding.as_dict() for finding in findings])


def examine_database() -> list[Finding]:
    """Look whether the database is there, has every migration, and what it holds."""
    kind = connection.vendor
    try:
        waiting = migrations_waiting()
    except DatabaseError as error:
        return [
            fail(
                "database",
                f"{kind}: {' '.join(str(error).split())}",
                "Check FEIRA_DATABASE_URL and that the server runs.",
            )
        ]
    if waiting:
        return [warn("database", f"{kind}, {waiting} migrations wait", "Run `feira migrate`; `feira up` does it, too.")]
    people, listings = Account.objects.count(), Listing.objects.count()
    found = [ok("database", f"{kind}, every migration applied, {listings} listings, {people} accounts")]
    failed, waiting = Job.objects.filter(state=State.FAILED).count(), Job.objects.filter(state__in=PENDING).count()
    workers = workers_alive()
    told = f"{workers} at work; {waiting} jobs wait, {failed} failed"
    if workers:
        found.append(ok("workers", told))
    else:
        found.append(warn("workers", told, "Start one with `feira up` or `feira worker`."))
    return found


def examine_broker() -> Finding:
    """Look whether jobs can be handed out."""
    with celery.connection_for_write() as broker:
        try:
            broker.ensure_connection(max_retries=1, timeout=BROKER_WAIT_S)
        except (OperationalError, OSError, ImportError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            return fail("broker", f"cannot be reached: {reason}", "Check FEIRA_BROKER_URL and that the server runs.")
    return ok("broker", "embedded, in the data folder" if not load_settings().broker_url else "answers")


def examine_blobs() -> Finding:
    """Write and read back one small file."""
    try:
        digest = blob_store().put(PROBE)
        same = blob_store().get(digest) == PROBE
    except FeiraError as error:
        return fail("blob store", error.message, "Set FEIRA_BLOB_URL to a folder or bucket that can be used.")
    except Exception as error:  # noqa: BLE001 - S3 clients raise a hundred kinds, and all mean the same here
        return fail(
            "blob store", f"{type(error).__name__}: {error}", "Check FEIRA_BLOB_URL, AWS_* and the bucket's rights."
        )
    if not same:
        return fail("blob store", "gives back other bytes than were put", "Check the store; photos would be damaged.")
    return ok("blob store", "can be written and read")


def examine_static_files() -> Finding:
    """Look whether the files that pages use are collected."""
    if django_settings.DEBUG:
        return ok("static files", "served from their source folders (FEIRA_DEBUG)")
    if read_stamp() != static_digest():
        return warn("static files", "not collected for this version", "Run `feira migrate`; `feira up` does it, too.")
    return ok("static files", "collected")
