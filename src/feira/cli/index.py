"""`feira index`: the search index, through the engine when it runs, else from its files."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import typer

from feira.cli.console import say, show_json, show_table
from feira.cli.running import RunningProcess, engine_address, read_running
from feira.core.errors import EngineUnavailable, FeiraError, Refused
from feira.engine.client import EngineClient
from feira.engine.config import chosen_encoder, config_from_settings
from feira.engine.database import LogUnavailable, open_database
from feira.engine.live import LiveIndex
from feira.engine.registry import list_encoders
from feira.engine.stored import live_index
from feira.engine.wire import Verification
from feira.settings import load_settings

BACK_WITHIN_S = 600.0

app = typer.Typer(help="Look at the search index, verify it, rebuild it, make it small.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class IndexDiffers(FeiraError):
    """The index does not hold what the log says."""

    code = "index_differs"


@app.command(epilog="Example: [bold]feira index status --json[/].")
def status(json: AsJson = False) -> None:
    """Show which encoder is served, how many photos are searchable, how, and what that takes in memory and on disk."""
    try:
        facts: dict[str, Any] = {"engine": client().url, **msgspec.to_builtins(client().status())}
        facts["encoders"] = [
            {**each, "index": per_listing(each["index"], photos=each["photos"])} for each in facts["encoders"]
        ]
    except EngineUnavailable as away:
        say(f"{away.message} This is what its files hold:")
        with opened_index() as index:
            own = per_listing(msgspec.to_builtins(index.facts()), photos=index.photos)
            facts = {"engine": None, "photos": index.photos, "seq": index.seq, "snapshot_seq": index.snapshot_seq}
            facts["encoders"] = [{"name": chosen_encoder(load_settings()), "index": own}]
    if json:
        show_json(facts)
        return
    encoders = facts.pop("encoders")
    show(facts, json=False)
    for each in encoders:
        say(f"The index of {each['name']}:")
        show(each["index"] or {}, json=False)


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


@app.command(epilog="Example: [bold]feira index compact --keep-days 7[/].")
def compact(
    keep_days: Annotated[float, typer.Option(min=0, help="Keep log entries that are younger than this.")] = 1.0,
    json: AsJson = False,
) -> None:
    """Give back memory and disk that the index does not need: spare room, and the old part of the index log.

    Log entries that are in every snapshot and old enough are deleted. An engine that is further behind reads what is
    searchable instead, so it only takes longer to start.
    """
    from feira.cli.shop import start_django  # noqa: PLC0415  (Django takes a second to start)

    start_django()
    from feira.shop.photos.pruning import prune_index_log  # noqa: PLC0415

    try:
        found = client().compact()
        safe, photos = min(encoder.snapshot_seq for each in found for encoder in each.encoders), found[0].photos
    except EngineUnavailable as away:
        say(f"{away.message} Working on its files.")
        with opened_index() as index:
            index.compact()
            safe, photos = index.snapshot_seq, index.photos
    pruned = prune_index_log(upto=safe, keep=timedelta(days=keep_days))
    show({"photos": photos, "snapshot_seq": safe, "pruned_log_entries": pruned}, json=json)


def per_listing(facts: dict[str, Any] | None, *, photos: int) -> dict[str, Any] | None:
    """Add what memory and disk come to per listing, by the mean number of photos on one."""
    each = photos_per_listing()
    if facts is None or each is None or photos == 0:
        return facts
    return {
        **facts,
        **{f"{name}_per_listing": round(facts[name] / photos * each, 1) for name in ("memory_bytes", "disk_bytes")},
    }


def photos_per_listing() -> float | None:
    """Return how many photos a listing with photos has on average, None when the shop's database cannot say."""
    database = open_database(load_settings().resolved_database_url())
    try:
        photos, listings = database.rows("SELECT COUNT(*), COUNT(DISTINCT listing_id) FROM listings_listingphoto")[0]
    except LogUnavailable:
        return None
    finally:
        database.close()
    return float(photos / listings) if listings else None


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
    index = live_index(config_from_settings(settings), encoder_id=card.encoder_id, dim=card.dim)
    index.start()
    try:
        while not index.caught_up:
            if index.fault:
                raise Refused(f"{index.fault} Run `feira migrate` first if this shop is new.")
            time.sleep(0.02)
        yield index
    finally:
        index.stop()
