"""`feira dataset`: ask for data sets, watch, fetch, compare and name them; works on the database directly."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from feira.cli.console import progress, say, show_json, show_table
from feira.cli.dataset_fetch import Archive, fetch, unpacked
from feira.cli.dataset_request import takes_a_request
from feira.cli.errors import Misused
from feira.cli.jobs import account_named
from feira.core.errors import Refused
from feira.shop.accounts.models import Account
from feira.shop.datasets import pruning, selectors, services
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.errors import BadRequestError
from feira.shop.datasets.models import DatasetRequest, Snapshot
from feira.shop.datasets.serializers import (
    DatasetDetailSerializer,
    DatasetSerializer,
    DifferenceSerializer,
    EstimateSerializer,
)
from feira.shop.jobs.ledger import MOST_ROW_ID
from feira.shop.jobs.services import workers_alive

POLL_S = 0.3
PERCENT = 100
SHOWN_HASH = 12

app = typer.Typer(help="Ask for data sets, watch, fetch, compare and name them.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="DATASET", min=1, help="Number of the data set.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    "list", epilog="Examples: [bold]feira dataset list --state ready[/], [bold]feira dataset list --tag v2 --json[/]."
)
def list_datasets(
    state: Annotated[str, typer.Option(help=f"{', '.join(selectors.STATES)}.")] = "",
    tag: Annotated[str, typer.Option(help="Only what has this name.")] = "",
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the newest.")] = 50,
    json: AsJson = False,
) -> None:
    """List data sets, the newest first."""
    if state and state not in selectors.STATES:
        raise Misused(f"There is no state “{state}”. It is one of: {', '.join(selectors.STATES)}.")
    rows = selectors.datasets().prefetch_related("snapshot__tags")
    if tag:
        rows = rows.filter(snapshot__tags__name=tag)
    # A state follows from the jobs, row by row.
    shown = []
    for each in rows.iterator(chunk_size=200):
        if not state or selectors.progress_of(each).state == state:
            shown.append(each)
        if len(shown) == limit:
            break
    if json:
        show_json(DatasetSerializer(shown, many=True).data)
    else:
        show_table([_row(each) for each in shown])


@app.command(
    epilog=(
        "Examples: [bold]feira dataset create --category clothing/shoes --augment light --predict live --follow[/], "
        "[bold]feira dataset create --request shoes.json --format webdataset[/]."
    )
)
@takes_a_request
def create(
    asked: Asked,
    *,
    name: Annotated[str, typer.Option(help="So that you find it again; it changes no bytes.")] = "",
    target: Annotated[
        str, typer.Option(metavar="URL", help="Also put it into this folder or bucket, as in s3://my-bucket/shoes.")
    ] = "",
    by: Annotated[str, typer.Option(metavar="EMAIL", help="In whose name; nobody's when left out.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Watch it until it is ready.")] = False,
    json: AsJson = False,
) -> None:
    """Ask for a data set. The same request on the same data gives the same hash and the same bytes.

    A running worker makes it; `feira up` and `feira worker` start one. Options count over what stands in a file.
    """
    account_id = account_named(by)
    account = None if account_id is None else Account.objects.get(pk=account_id)
    with misused_where_wrong():
        made = services.ask_for_dataset(asked, by=account, name=name, target=target)
    say(f"Data set {made.pk} is asked for.")
    if not workers_alive():
        say("No worker is running: it waits until one is. `feira worker` starts one.")
    if follow:
        watch(made.pk)
    tell(found(made.pk), json=json)


@app.command(epilog="Example: [bold]feira dataset estimate --category clothing/shoes --augment strong --variants 5[/].")
@takes_a_request
def estimate(asked: Asked, *, json: AsJson = False) -> None:
    """Tell how large a data set would be and how long it would take; nothing is written."""
    with misused_where_wrong():
        answer = services.estimate(asked)
    if json:
        show_json(EstimateSerializer(answer).data)
        return
    took = f"about {answer.seconds:.0f} s ({answer.basis})"
    facts = {"listings": answer.listings, "photos": answer.photos, "pictures": answer.images}
    show_table(_facts({**facts, "size": f"about {filesizeformat(answer.byte_size)}", "time": took}))


@app.command(epilog="Example: [bold]feira dataset show 7 --json[/].")
def show(number: Number, *, json: AsJson = False) -> None:
    """Show one data set: how far it is, what is in it, its names, what was trained from it."""
    tell(found(number), json=json)


@app.command(epilog="Example: [bold]feira dataset wait 7 && feira dataset download 7[/].")
def wait(number: Number, *, json: AsJson = False) -> None:
    """Watch a data set until it is ready; exit code 1 when it fails or is stopped. Ctrl-C ends the watching only."""
    watch(found(number).pk)
    tell(found(number), json=json)


@app.command(
    epilog=(
        "Examples: [bold]feira dataset download 7[/], [bold]feira dataset download 7 shoes.tar[/], "
        "[bold]feira dataset download 7 data/shoes --unpack[/]."
    )
)
def download(
    number: Number,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="File or, with --unpack, new folder.  [default: dataset-HASH.zip]"),
    ] = None,
    *,
    archive: Annotated[
        Archive | None, typer.Option(help="zip or tar.  [default: what the name says, else zip]")
    ] = None,
    unpack: Annotated[bool, typer.Option("--unpack", help="Unpack it, and keep no archive.")] = False,
) -> None:
    """Write a data set as one archive, or unpack it; every file is checked against the manifest.

    What is there of an archive that was broken off is gone on with.
    """
    snapshot = ready(found(number))
    services.note_use(snapshot)
    written = unpacked(snapshot, path, archive) if unpack else fetch(snapshot, path, archive)
    print(written)


@app.command(epilog="Example: [bold]feira dataset diff 9 7[/] tells what 9 has that 7 had not.")
def diff(
    number: Number,
    since: Annotated[int, typer.Argument(metavar="EARLIER", min=1, help="Number of the earlier data set.")],
    *,
    json: AsJson = False,
) -> None:
    """Compare a data set with an earlier one: what was added, removed and changed."""
    after, before = resolved(found(number)), resolved(found(since))
    told = selectors.difference(before, after)
    if json:
        show_json(DifferenceSerializer(told).data)
        return
    if told.is_same:
        say("They are the same, byte for byte.")
        return
    for name, values in told.request_changes.items():
        say(f"Asked otherwise: {name}, {values[0]} before, {values[1]} now.")
    say(f"{told.added_count} added, {told.removed_count} removed, {told.changed_count} changed.")
    rows = [{"what": "added", "photo": key, "facts": ""} for key in told.added]
    rows += [{"what": "removed", "photo": key, "facts": ""} for key in told.removed]
    rows += [{"what": "changed", "photo": key, "facts": ", ".join(names)} for key, names in told.changed.items()]
    show_table(rows)


@app.command(epilog="Example: [bold]feira dataset tag 7 v2[/].")
def tag(number: Number, name: Annotated[str, typer.Argument(help="The name.")]) -> None:
    """Give a data set a name, or move one here. What has a name is never pruned."""
    resolved(found(number))
    with misused_where_wrong():
        made = services.tag_snapshot(found(number), name, by=None)
    say(f"Data set {number} is called {made.name}.")


@app.command(epilog="Example: [bold]feira dataset untag 7 v2[/].")
def untag(number: Number, name: Annotated[str, typer.Argument(help="The name.")]) -> None:
    """Take a name off a data set."""
    if not services.untag_snapshot(found(number), name):
        raise Refused(f"Data set {number} is not called {name}. `feira dataset show {number}` tells its names.")
    say(f"Data set {number} is not called {name} any more.")


@app.command(epilog="Example: [bold]feira dataset trained 7 sorter-2 --note 'accuracy 0.91 on test'[/].")
def trained(
    number: Number,
    model: Annotated[str, typer.Argument(help="What the model is called.")],
    note: Annotated[str, typer.Option(help="How it went.")] = "",
) -> None:
    """Write down that a model was trained from a data set."""
    services.note_trained(resolved(found(number)), model=model, note=note)
    say(f"Noted: {model} was trained from data set {number}.")


@app.command(epilog="Example: [bold]feira dataset cancel 7[/].")
def cancel(number: Number) -> None:
    """Stop what is still to be done for a data set; what is done stays done."""
    if not services.cancel_dataset(found(number)):
        raise Refused(f"Nothing is under way for data set {number}, or another one waits for it as well.")
    say(f"Data set {number} is stopped. `feira dataset retry {number}` goes on.")


@app.command(epilog="Example: [bold]feira dataset retry 7 --follow[/].")
def retry(
    number: Number, *, follow: Annotated[bool, typer.Option("--follow", help="Watch it until it is ready.")] = False
) -> None:
    """Go on with a data set that failed or was stopped."""
    if not services.retry_dataset(found(number)):
        raise Refused(f"Nothing of data set {number} failed or was stopped.")
    say(f"Data set {number} goes on.")
    if follow:
        watch(number)


@app.command(epilog="Examples: [bold]feira dataset prune 7[/], [bold]feira dataset prune --old[/].")
def prune(
    number: Annotated[int | None, typer.Argument(metavar="[DATASET]", min=1, help="Number of the data set.")] = None,
    *,
    old: Annotated[bool, typer.Option("--old", help="All that nobody used for FEIRA_DATASET_KEEP_DAYS.")] = False,
) -> None:
    """Delete the files of a data set, or of all old ones. Asking again makes the same files."""
    if (number is None) != old:
        raise Misused("Name a data set, or say --old.")
    if number is None:
        say(f"Files of {pruning.prune_what_is_old()} data sets deleted.")
    else:
        say(f"{services.prune_snapshot(found(number))} files deleted.")


def watch(number: int) -> None:
    """Show how far a data set is until it is ready.

    Raises:
        Refused: it failed or was stopped.
    """
    try:
        _watch(number)
    except KeyboardInterrupt:
        say(f"Data set {number} goes on being made. `feira dataset wait {number}` watches it again.")
        raise
    state = selectors.progress_of(found(number))
    if state.state == "failed":
        raise Refused(f"Data set {number} failed: {state.error} `feira dataset retry {number}` goes on with the rest.")
    if state.state == "cancelled":
        raise Refused(f"Data set {number} was stopped. `feira dataset retry {number}` goes on with the rest.")


def _watch(number: int) -> None:
    told = ""
    done = 0
    with ExitStack() as shown:
        advance = None
        while True:
            now = selectors.progress_of(found(number))
            # The steps to come are known once the photos have been chosen; until then a share says nothing.
            percent = int(PERCENT * now.share) if len(now.steps) > 1 else 0
            if advance is None:
                advance = shown.enter_context(progress(f"data set {number}, percent", PERCENT, start=percent))
                done = percent
            if percent > done:
                advance(percent - done)
                done = percent
            step = next((each for each in now.steps if each.state == "running"), None)
            if step is not None and step.name != told:
                told = step.name
                say(f"{timezone.localtime():%H:%M:%S} {told}{f', {step.total} parts' if step.total else ''}")
            if now.state not in ("waiting", "running"):
                advance(PERCENT - done if now.state == "ready" else 0)
                return
            time.sleep(POLL_S)


def tell(request: DatasetRequest, *, json: bool) -> None:
    """Print everything about a data set."""
    if json:
        show_json(DatasetDetailSerializer(request).data)
        return
    snapshot, state = request.snapshot, selectors.progress_of(request)
    facts = _row(request)
    if snapshot is not None:
        facts |= {
            "hash": snapshot.content_hash or "",
            "listings": snapshot.listings or "",
            "manifest": snapshot.manifest_sha256,
            "kept": "yes" if snapshot.keep else "",
            "trained": ", ".join(each.model for each in selectors.lineage_of(snapshot)),
        }
    facts |= {"target": request.target, "error": state.error}
    show_table(_facts({name: value for name, value in facts.items() if value != ""}))


def found(number: int) -> DatasetRequest:
    """Return a data set by number.

    Raises:
        Refused: there is none.
    """
    asked_for = selectors.dataset(min(number, MOST_ROW_ID))
    if asked_for is None:
        raise Refused(f"There is no data set {number}. `feira dataset list` shows which there are.")
    return asked_for


def resolved(request: DatasetRequest) -> Snapshot:
    """Return what a data set was resolved to.

    Raises:
        Refused: that is not known so far.
    """
    snapshot = request.snapshot
    if snapshot is None or snapshot.state == Snapshot.State.RESOLVING:
        raise Refused(f"Data set {request.pk} is still being put together. `feira dataset wait {request.pk}` waits.")
    return snapshot


def ready(request: DatasetRequest) -> Snapshot:
    """Return a snapshot whose files are there.

    Raises:
        Refused: they are not.
    """
    snapshot = resolved(request)
    if snapshot.state == Snapshot.State.PRUNED:
        raise Refused(f"The files of data set {request.pk} were deleted. Ask for it again: it will be the same.")
    if snapshot.state != Snapshot.State.READY:
        raise Refused(f"Data set {request.pk} is not ready. `feira dataset wait {request.pk}` waits until it is.")
    return snapshot


@contextmanager
def misused_where_wrong() -> Iterator[None]:
    """Let what is wrong with a request end as misuse, in one line with the names of the fields."""
    try:
        yield
    except BadRequestError as error:
        raise Misused(" ".join(f"{field}: {text}" for field, text in error.errors.items())) from error


def _row(request: DatasetRequest) -> dict[str, Any]:
    snapshot, state = request.snapshot, selectors.progress_of(request)
    return {
        "dataset": request.pk,
        "name": request.name,
        "state": state.state if state.state != "running" else f"running, {PERCENT * state.share:.0f} %",
        "photos": snapshot.photos or "" if snapshot else "",
        "size": filesizeformat(snapshot.byte_size) if snapshot and snapshot.byte_size else "",
        "hash": (snapshot.content_hash or "")[:SHOWN_HASH] if snapshot else "",
        "tags": ", ".join(each.name for each in snapshot.tags.all()) if snapshot else "",
        "asked_for": f"{timezone.localtime(request.created_at):%d %b %H:%M}",
    }


def _facts(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"what": name.replace("_", " "), "value": value} for name, value in facts.items()]
