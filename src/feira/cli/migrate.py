"""`feira migrate`: database and static files as this version wants them."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings as django_settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.management.commands.collectstatic import Command as CollectStatic
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from whitenoise.storage import CompressedManifestStaticFilesStorage

from feira import __version__
from feira.cli.console import say
from feira.cli.first_encoder import settle_encoder
from feira.core.errors import Refused

app = typer.Typer()


@app.command(epilog="Example: [bold]feira migrate[/] before the new version's processes start; `feira up` does it.")
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 when something is to be done.")
    ] = False,
) -> None:
    """Apply waiting migrations, write down the encoder, collect static files; does nothing when all is up to date."""
    waiting = migrations_waiting()
    stale = static_digest() != read_stamp()
    if check:
        if waiting or stale:
            raise Refused(
                f"{waiting} migrations wait; static files are {'old' if stale else 'up to date'}. Run `feira migrate`."
            )
        return
    if waiting:
        say(f"Database: applying {waiting} migrations")
        call_command("migrate", interactive=False, verbosity=0)
    settle_encoder()
    if stale:
        say("Static files: collecting")
        collect_static_files()
        stamp_path().write_text(static_digest())


def collect_static_files() -> None:
    """Copy static files to where the web process serves them from, compressed and named by their content.

    The settings choose that storage only once its manifest is there, so that the first collection has to name it.
    """
    command = CollectStatic()
    command.storage = CompressedManifestStaticFilesStorage()
    call_command(command, interactive=False, verbosity=0)


def migrations_waiting() -> int:
    """Return how many migrations the database lacks."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def static_digest() -> str:
    """Return a digest of everything that `collectstatic` reads: which files, how long, and when they changed."""
    digest = hashlib.sha256(__version__.encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def read_stamp() -> str:
    """Return the digest of the files collected last, empty when none were."""
    there = Path(str(django_settings.STATIC_ROOT)).is_dir() and stamp_path().is_file()
    return stamp_path().read_text() if there else ""


def stamp_path() -> Path:
    """Return the file that remembers what was collected; beside the folder, because the folder is served."""
    return Path(str(django_settings.STATIC_ROOT)).with_suffix(".stamp")
