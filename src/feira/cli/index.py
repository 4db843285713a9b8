"""`feira index`: the search index, through the engine when it runs, else from its files."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import msgspec
import typer

from feira.cli.console import say, show_json, show_table
from feira.cli.running import RunningProcess, engine_address, read_running
from feira.core.errors import EngineUnavailable, FeiraError, Refused
from feira.core.index.scalar import ScalarIndex
from feira.engine.client import EngineClient
from feira.engine.config import chosen_encoder
from feira.engine.live import LiveIndex
from feira.engine.log import open_log
from feira.engine.registry import list_encoders
from feira.engine.wire import Verification
from feira.settings import load_settings

BACK_WITHIN_S = 600.0

app = typer.Typer(help="Look at the search index, verify it, rebuild it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class IndexDiffers(FeiraError):
    """The index does not hold what the log says."""

    code = "index_differs"


@app.command(epilog="Example: [bold]feira index status --json[/].")
def status(json: AsJson = False) -> None:
    """Show which encoder is served, how many photos are searchable, and how far the log was followed."""
    try:
        facts: dict[str, Any] = {"engine": client().url, **msgspec.to_builtins(client().status())}
    except EngineUnavailable as away:
        say(f"{away.message} This is what its files hold:")
        with opened_index() as index:
            facts = {"engine": None, "photos": index.photos, "seq": index.seq, "snapshot_seq": index.snapshot_seq}
    show(facts, json=json)


@app.command(epilog="Example: [bold]feira index verify && echo equal[/].")
def verify(json: AsJson = False) -> None:
    """Rebuild the index from the log and compare it with the one that is served; exit 1 when they differ."""
    try:
        found = client().verify()
    except EngineUnavailable as away:
        say(f"{away.message} Comparing what its files hold.")
        with opened_index() as index:
            found = index.verify()
    show(msgspec.to_builtins(found), json=json)
    refuse_difference(found)


@app.command(epilog="Example: [bold]feira index rebuild[/]. The shop sells on meanwhile, without search by photo.")
def rebuild(json: AsJson = False) -> None:
    """Throw every snapshot away and build the index from the log again.

    An engine under `feira up` is started again for this; one that runs by itself has to be stopped first.
    """
    settings = load_settings()
    shop = read_running(settings.data_dir.resolve())
    engine = shop.processes.get("engine") if shop else None
    if engine is None and is_answering():
        raise Refused(f"An engine at {client().url} would write its old index down. Stop it first.")
    if engine is not None and engine.pid is not None:
        # Not SIGTERM: a clean stop would write the snapshot that is being thrown away.
        os.kill(engine.pid, signal.SIGKILL)
    shutil.rmtree(settings.snapshots_dir(), ignore_errors=True)
    if engine is not None:
        show(msgspec.to_builtins(wait_until_back(engine)), json=json)
        return
    with opened_index() as index:
        show({"photos": index.photos, "seq": index.seq}, json=json)


def show(facts: dict[str, Any], *, json: bool) -> None:
    """Print facts for programs or for people."""
    if json:
        show_json(facts)
    else:
        show_table([{"what": name.replace("_", " "), "value": value} for name, value in facts.items()])


def refuse_difference(found: Verification) -> None:
    """Raise IndexDiffers unless the index equals its rebuild."""
    if not found.equal:
        raise IndexDiffers(f"The index differs from its log in {found.differences} photos. Run `feira index rebuild`.")


def client() -> EngineClient:
    """Return a client of the engine that serves this data folder."""
    settings = load_settings()
    address = engine_address(settings.data_dir.resolve(), otherwise=settings.engine_url)
    return EngineClient(address, timeout_s=settings.engine_timeout_s)


def is_answering() -> bool:
    """Tell whether an engine runs."""
    try:
        client().status()
    except EngineUnavailable:
        return False
    return True


def wait_until_back(engine: RunningProcess) -> Any:
    """Return the status of the engine once its supervisor has started it again and it has caught up."""
    deadline = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            found = EngineClient(engine.url, timeout_s=5.0).status()
        except EngineUnavailable:
            continue
        if found.ready:
            return found
    raise Refused(f"The engine at {engine.url} is not back in time; see its log.")


@contextmanager
def opened_index() -> Iterator[LiveIndex]:
    """Open the index as the engine would: the snapshot, then the log up to its end; a new snapshot is written.

    Raises:
        Refused: the chosen encoder cannot be used, or the log cannot be read.
    """
    settings = load_settings()
    name = chosen_encoder(settings)
    card = {card.name: card for card in list_encoders(settings.resolved_models_dir())}.get(name)
    if card is None or not card.is_valid:
        raise Refused(f"The encoder {name} cannot be used{f': {card.fault}' if card else ', it is not installed.'}")
    index = LiveIndex(
        encoder_id=card.encoder_id,
        make_index=partial(ScalarIndex, card.dim),
        open_source=partial(open_log, settings.resolved_database_url(), card.encoder_id),
        snapshots_dir=settings.snapshots_dir(),
    )
    index.start()
    try:
        while not index.caught_up:
            if index.fault:
                raise Refused(f"{index.fault} Run `feira migrate` first if this shop is new.")
            time.sleep(0.02)
        yield index
    finally:
        index.stop()
