"""`feira jobs`: the ledger of jobs and the services, from the command line; works on the database directly."""

import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from feira.cli.console import progress, say, show_json, show_table
from feira.cli.errors import Misused
from feira.core.errors import Refused
from feira.shop.accounts.models import Account
from feira.shop.jobs import ledger, services
from feira.shop.jobs.models import Job, State
from feira.shop.jobs.moving import cancel_all, retry_all
from feira.shop.jobs.offered import (
    BadOptions,
    Service,
    UnknownService,
    form_of,
    get_service,
    links_of,
    offered,
    start,
)
from feira.shop.jobs.serializers import JobSerializer, WholeJobSerializer, options_of

POLL_S = 0.3
SHOWN_LINES = 20
YES, NO = {"yes", "true", "1", "on"}, {"no", "false", "0", "off"}

app = typer.Typer(help="List and watch jobs, cancel and retry them, start services.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="JOB", min=1, help="Number of the job.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow it until it ends; exit code 1 unless it succeeds.")]


@app.command(
    "list",
    epilog="Examples: [bold]feira jobs list --state failed --since 24h[/], [bold]feira jobs list --by a@b.example[/].",
)
def list_jobs(
    kind: Annotated[str, typer.Option(help="Only this kind, as in listings.draw.")] = "",
    state: Annotated[str, typer.Option(help="waiting, queued, running, succeeded, failed or cancelled.")] = "",
    by: Annotated[str, typer.Option(metavar="EMAIL", help="Only what this account asked for.")] = "",
    since: Annotated[str, typer.Option(metavar="WHEN", help="Asked for since: 30m, 24h, 7d or a date and time.")] = "",
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many of the newest.")] = 50,
    json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    wanted = ledger.Wanted(
        kind=kind, state=state_named(state), requested_by=account_named(by), since=moment(since) if since else None
    )
    found = list(ledger.wanted_jobs(Job.objects.order_by("-pk"), wanted)[:limit])
    if json:
        show_json(JobSerializer(found, many=True).data)
    elif found:
        show_table([row_of(job) for job in found])
    else:
        say("There is no such job.")


@app.command(epilog="Examples: [bold]feira jobs show 17 --watch[/], [bold]feira jobs show 17 --json[/].")
def show(number: Number, *, watch: Watch = False, json: AsJson = False) -> None:
    """Show one job: where it stands, its items, its last lines, its result."""
    job = found(number)
    if watch:
        job = follow(job)
    tell(job, json=json)
    if watch:
        refuse_unless_succeeded(job)


@app.command(epilog="Example: [bold]feira jobs cancel 17[/].")
def cancel(number: Number, *, json: AsJson = False) -> None:
    """Call off a job and what came of it. A running one stops between two items; what it has finished stays."""
    job = found(number)
    count = cancel_all(job)
    say(f"Cancelled job {job.pk}{f' and what came of it, {count} jobs' if count > 1 else ''}.")
    if json:
        tell(found(number), json=True)


@app.command(epilog="Example: [bold]feira jobs retry 17 --watch[/].")
def retry(number: Number, *, watch: Watch = False, json: AsJson = False) -> None:
    """Let a failed or cancelled job, and what came of it, go on with what is missing."""
    opened = retry_all(found(number))
    say(f"Job {opened.pk} goes on.")
    finish(opened, watch=watch, json=json)


@app.command(
    epilog=(
        "Examples: [bold]feira jobs run[/] lists the services, [bold]feira jobs run create-dummy-listings -o count=200 "
        "-o categories=mug,hat --watch[/], [bold]feira jobs run import-catalogue -f catalogue=shop.zip[/]."
    )
)
def run(
    name: Annotated[str, typer.Argument(metavar="[SERVICE]", help="Name of the service.  [default: list them]")] = "",
    options: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="NAME=VALUE", help="An option. Repeatable.")
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="NAME=PATH", help="A file as an option. Repeatable."),
    ] = None,
    *,
    by: Annotated[str, typer.Option(metavar="EMAIL", help="In whose name; nobody's when left out.")] = "",
    watch: Watch = False,
    json: AsJson = False,
) -> None:
    """Start a service, or list the services with their options.

    A running worker does the work; `feira up` and `feira worker` start one.
    """
    if not name:
        show_services(json=json)
        return
    try:
        service = get_service(name)
        given = {each: as_field(service, each, value) for each, value in options_from(options or []).items()}
        form = form_of(service, given, files_from(files or []))
        started = start(service, form, requested_by=account_named(by))
    except (BadOptions, UnknownService) as error:
        raise Misused(error.message) from error
    job = started.job
    say(f"Job {job.pk} {'is asked for' if started.is_new else 'was under way already'}.")
    if not services.workers_alive():
        say("No worker is running: it waits until one is. `feira worker` starts one.")
    finish(job, watch=watch, json=json)


def show_services(*, json: bool) -> None:
    """Print every service, and its options."""
    rows: list[dict[str, Any]] = [
        {"name": each.name, "title": str(each.title), "kind": each.kind, "options": list(options_of(each))}
        for each in offered()
        if not each.page
    ]
    if json:
        show_json(rows)
        return
    show_table([{"name": row["name"], "options": ", ".join(each["name"] for each in row["options"])} for row in rows])


def finish(job: Job, *, watch: bool, json: bool) -> None:
    """Follow a job when that is wished, and tell of it."""
    job = follow(job) if watch else job
    if watch or json:
        tell(found(job.pk), json=json)
    if watch:
        refuse_unless_succeeded(job)


def follow(job: Job) -> Job:
    """Show how far a job is, and what it writes, until it has ended with all that came of it; return it then.

    Jobs of a shop without a worker are waited for like others: Ctrl-C ends the watching, not the job.
    """
    last_line = 0
    with ExitStack() as shown:
        advance, done = None, 0
        while True:
            job.refresh_from_db()
            children = ledger.count_children(job)
            now, total = job.progress_done, job.progress_total
            if children.total:
                now, total = children.done + children.failed, children.total
            if advance is None and total:
                advance, done = shown.enter_context(progress(job.kind, total, start=now)), now
            elif advance is not None and now > done:
                advance(now - done)
                done = now
            for line in ledger.lines_of(job).filter(pk__gt=last_line):
                last_line = line.pk
                say(f"{timezone.localtime(line.at):%H:%M:%S} {line.text}")
            if job.is_finished and not children.waiting + children.running:
                return job
            time.sleep(POLL_S)


def tell(job: Job, *, json: bool) -> None:
    """Print everything about a job."""
    whole = dict(WholeJobSerializer(job).data)
    lines = list(ledger.lines_of(job).order_by("-pk")[:SHOWN_LINES])[::-1]
    if json:
        show_json({**whole, "lines": [{"at": line.at, "level": line.level, "text": line.text} for line in lines]})
        return
    facts = {name: value for name, value in whole.items() if value not in (None, "", [], {})}
    for name in ("items", "children"):
        counted = facts.pop(name)
        if counted["total"]:
            facts[name] = f"{counted['done']} of {counted['total']} done, {counted['failed']} failed"
    facts["links"] = ", ".join(link.url for link in links_of(job)) if job.state == State.SUCCEEDED else ""
    show_table([{"what": name.replace("_", " "), "value": value} for name, value in facts.items() if value != ""])
    for line in lines:
        print(f"{timezone.localtime(line.at):%H:%M:%S} {line.text}")


def refuse_unless_succeeded(job: Job) -> None:
    """Raise Refused unless a job, and what came of it, went well."""
    failed = ledger.count_children(job).failed
    if job.state != State.SUCCEEDED:
        raise Refused(f"Job {job.pk} {job.state}. {job.error}".strip())
    if failed:
        raise Refused(f"{failed} of the jobs that came of job {job.pk} failed or were cancelled.")


def row_of(job: Job) -> dict[str, Any]:
    """Return a job as a row of a table."""
    return {
        "job": job.pk,
        "kind": job.kind,
        "state": job.state,
        "done": f"{job.progress_done}/{job.progress_total}" if job.progress_total else "",
        "asked_for": f"{timezone.localtime(job.created_at):%d %b %H:%M}",
        "took": f"{job.took.total_seconds():.1f} s" if job.took else "",
        "tries": job.attempts,
    }


def found(number: int) -> Job:
    """Return a job by number.

    Raises:
        Refused: there is none.
    """
    job = Job.objects.filter(pk=min(number, ledger.MOST_ROW_ID)).first()
    if job is None:
        raise Refused(f"There is no job {number}. `feira jobs list` shows which there are.")
    return job


def state_named(name: str) -> str:
    """Return a state, or refuse a word that is none."""
    if name and name not in State.values:
        raise Misused(f"There is no state “{name}”. It is one of: {', '.join(State.values)}.")
    return name


def account_named(email: str) -> int | None:
    """Return the number of an account by its address; None for no address."""
    if not email:
        return None
    account = Account.objects.filter(email__iexact=email).first()
    if account is None:
        raise Misused(f"Nobody signs in as {email}. `feira user list` shows who does.")
    return account.pk


def moment(text: str) -> datetime:
    """Return a moment from "30m", "24h", "7d" ago or a date and time; without a zone it is the shop's."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1] in units and text[:-1].isdecimal():
            return timezone.now() - timedelta(**{units[text[-1]]: int(text[:-1])})
        at = parse_datetime(text) or datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Misused(f"“{text}” is no time. Say 30m, 24h, 7d, or a date and time as in 2026-11-21T08:00.") from None
    return at if timezone.is_aware(at) else timezone.make_aware(at)


def options_from(texts: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE; a name that comes twice has a list of values."""
    given: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise Misused(f"“{text}” is no option. Write NAME=VALUE, as in count=200.")
        if name in given:
            given[name] = [*(given[name] if isinstance(given[name], list) else [given[name]]), value]
        else:
            given[name] = value
    return given


def as_field(service: Service, name: str, value: Any) -> Any:
    """Return the words of an option as its field takes them: yes and no, several parted by commas, else as they are."""
    field = service.options.base_fields.get(name)
    if isinstance(field, forms.BooleanField) and isinstance(value, str):
        if value.lower() not in YES | NO:
            raise Misused(f"{name} is yes or no, not “{value}”.")
        return value.lower() in YES
    if isinstance(field, forms.MultipleChoiceField) and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def files_from(texts: list[str]) -> dict[str, SimpleUploadedFile]:
    """Read NAME=PATH and the files."""
    read = {}
    for name, path in options_from(texts).items():
        try:
            read[name] = SimpleUploadedFile(Path(path).name, Path(path).expanduser().read_bytes())
        except (OSError, TypeError) as error:
            raise Misused(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    return read
