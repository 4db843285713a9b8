"""`feira import`: listings from a file or a folder, by the shop's workers when they run, else in this process."""

import csv
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from django.db import connection
from django.db.models import Q

from feira.cli.console import progress, say, show_json
from feira.cli.errors import Misused
from feira.cli.migrate import migrate
from feira.core.errors import Refused, SourceError
from feira.settings import load_settings
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import UNFINISHED, Job
from feira.shop.listings.columns import parse_own_rules
from feira.shop.listings.imports import ImportProgress, import_progress, refused_rows, start_import
from feira.shop.listings.models import ImportRun, Listing
from feira.shop.listings.records import Record, read_records, table_in, with_defaults
from feira.shop.listings.samples import with_sample_facts

POLL_S = 0.3
PATIENCE_S = 120.0
PRICE_OF_A_PHOTO, PRICE_OF_A_ROW = 10.0, 1.0
AFTERWARDS = Q(kind__startswith="photos.") | Q(kind__startswith="feed.") | Q(kind__startswith="listings.tag")

app = typer.Typer()


@app.command(
    "import",
    epilog=(
        "Examples: [bold]feira import shop.csv --seller 'Old Mill'[/], [bold]feira import photos/ --samples[/], "
        "[bold]feira import export.csv --map Bezeichnung=title --map Farbe=attr:colour[/]."
    ),
)
def import_listings(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="CSV, JSON Lines or Parquet file, or a folder.")],
    *,
    seller: Annotated[str, typer.Option(help="Seller of rows that name none.")] = "Imported",
    price: Annotated[
        float | None,
        typer.Option(
            min=0, help="Price of rows that name none.  [default: 10 for a folder of photos, 1 for one with a table]"
        ),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option(help="Condition of rows that name none: new, like_new, good or fair.  [default: good]"),
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="What a column holds; FIELD may be attr:NAME. Repeatable."),
    ] = None,
    samples: Annotated[bool, typer.Option("--samples", help="Make up what a folder of photos lacks.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV of refused rows.  [default: in the data folder]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Import listings with their photos: a table, a folder with a table and photos, or a folder of photos in folders.

    Columns: title, description, category ("Clothing > Shoes"), price, currency, condition, stock, seller, tags, photos
    ("a.jpg|b.jpg", paths or addresses), attr:NAME. Common other names for these are known, --map names yours; without
    a table each folder of photos becomes a category. An import that was interrupted goes on when called again, and a
    row that cannot be imported is written to the report with its reason. Exit code 1 when no row could be.
    """
    if not connection.introspection.table_names():
        migrate(check=False)  # a new shop may begin with an import
    run = start_import(
        source=str(source.resolve()),
        records=records_of(source, price=price, condition=condition, samples=samples, rules=rules or []),
        seller_name=seller,
    )
    result = follow_import(run)
    told = write_report(run, report)
    if json:
        show_json({**asdict(result), "report": str(told) if told else None})
    else:
        say(f"Imported {result.done} of {result.total} listings.")
    if told:
        say(f"Refused {result.refused}; the reasons are in {told}")
    if result.total and not result.done:
        raise Refused("No row could be imported. The report says why.")


def records_of(
    source: Path, *, price: float | None, condition: str | None, samples: bool, rules: Sequence[str]
) -> Iterator[Record]:
    """Return the records of a source with what they lack: sample facts, or a price and a condition.

    Raises:
        Misused: a rule says nothing, or there is no such condition.
    """
    if condition is not None and condition not in Listing.Condition.values:
        raise Misused(f"There is no condition “{condition}”. It is one of: {', '.join(Listing.Condition.values)}.")
    try:
        own_rules = parse_own_rules(rules)
    except SourceError as error:
        raise Misused(error.message) from error
    records = read_records(source, own_rules)
    if samples:
        return with_sample_facts(records)
    if price is None and source.is_dir():
        price = PRICE_OF_A_PHOTO if table_in(source, own_rules) is None else PRICE_OF_A_ROW
        say(f"What names no price is listed for {price:g} {load_settings().currency}. --price changes that.")
    defaults: dict[str, str] = {} if price is None else {"price": str(Decimal(str(price)))}
    return with_defaults(records, defaults | ({"condition": condition} if condition else {}))


def follow_import(run: ImportRun) -> ImportProgress:
    """Wait until every row is done or refused and the photos are searchable; show how far it is."""
    here = None
    if not jobs.workers_alive():
        here = threading.Thread(target=_work_here, daemon=True)
        here.start()
    result = import_progress(run)
    with progress("Importing", result.total, start=result.done + result.refused) as advance:
        while result.waiting:
            if here is not None and not here.is_alive():
                say(f"{result.waiting} rows wait to be tried again. Call the same import later, or start `feira up`.")
                break
            time.sleep(POLL_S)
            before, result = result, import_progress(run)
            advance(before.waiting - result.waiting)
    if here is not None:
        here.join()
    _follow_embedding()
    return import_progress(run)


def _work_here() -> None:
    try:
        jobs.run_until_idle()
    finally:
        connection.close()


def _follow_embedding() -> None:
    """Wait for the jobs that make new photos searchable; give up when nothing moves, as when the engine is away."""
    waiting = total = _jobs_about_photos()
    moved_at = time.monotonic()
    with progress("Finding what looks alike", total) as advance:
        while waiting and time.monotonic() - moved_at < (PATIENCE_S if jobs.workers_alive() else 0):
            time.sleep(POLL_S)
            before, waiting = waiting, _jobs_about_photos()
            if waiting < before:
                moved_at = time.monotonic()
                advance(before - waiting)
    if waiting:
        say(f"{waiting} jobs wait for worker and engine; photos become searchable when those run.")


def _jobs_about_photos() -> int:
    return Job.objects.filter(AFTERWARDS, state__in=UNFINISHED).count()


def write_report(run: ImportRun, report: Path | None) -> Path | None:
    """Write the refused rows with their reasons; return the file, None when no row was refused."""
    rows = refused_rows(run)
    if not rows:
        return None
    file = report or load_settings().data_dir.resolve() / "imports" / f"{run.pk}-refused.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["key", "reason"])
        writer.writerows(rows)
    return file
