"""`feira model use` and what follows: a running shop changes its encoder, and back."""

from typing import Annotated, Any

import typer
from django.db import DatabaseError

from feira.cli.console import say, show_json, show_table
from feira.cli.first_encoder import settle_encoder
from feira.cli.index import client
from feira.cli.model_cards import card_named
from feira.core.errors import Refused
from feira.engine.config import choose_encoder
from feira.settings import load_settings
from feira.shop.photos import swap as swaps
from feira.shop.photos.models import ServedEncoder
from feira.shop.photos.roster import roster

app = typer.Typer()
swap = typer.Typer(help="Look at the change of encoder that is under way, hold it, call it off.", no_args_is_help=True)
app.add_typer(swap, name="swap")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: [bold]feira model use mobilenet_v2[/], then [bold]feira model swap status[/].")
def use(
    name: Name,
    ask: Annotated[
        bool, typer.Option("--ask/--when-ready", help="Wait for `feira model switch`, or take over when ready.")
    ] = False,
) -> None:
    """Let an encoder see every photo in the background, compare it with the live one, and let it take over.

    The shop is open meanwhile. An encoder that answers worse on judged queries waits for `feira model switch`.
    """
    card = card_named(name)
    if not card.is_valid:
        raise Refused(f"{name} cannot be used: {card.fault}")
    if card.kind == "text":
        raise Refused(f"{name} turns texts into vectors and sees no pictures; set FEIRA_TEXT_MODEL to read with it.")
    try:
        if roster().live is None:
            settle_encoder()
    except DatabaseError:
        choose_before_the_database(name)
        return
    row = swaps.begin(name, card.encoder_id, asks=ask)
    say(
        f"{name} is shown {row.total} photos in the background, and the shop goes on meanwhile. "
        "`feira model swap status` tells how far it is."
    )


@app.command("switch", epilog="Example: [bold]feira model switch[/] after [bold]feira model use NAME --ask[/].")
def switch_over() -> None:
    """Let the encoder that is ready take over, in one step; the one before is kept for the way back."""
    row = swaps.switch(client())
    say(f"{row.name} is live; engines follow within a second. `feira model roll-back` goes back.")


@app.command("roll-back", epilog="Example: [bold]feira model roll-back[/]. Called again it goes forward.")
def roll_back() -> None:
    """Go back to the encoder before, at once: it has seen what came meanwhile."""
    row = swaps.roll_back(client())
    say(f"{row.name} is live again; engines follow within a second.")


@app.command("drop-previous", epilog="Example: [bold]feira model drop-previous[/]. There is no way back then.")
def drop_previous() -> None:
    """Let go of the encoder before and delete what it has seen, which frees its memory and its rows."""
    row = swaps.drop_previous()
    say(f"{row.name} is let go; its embeddings are deleted in the background.")


@swap.command(epilog="Example: [bold]feira model swap status --json[/].")
def status(json: AsJson = False) -> None:
    """Show which encoder is live, which one comes, which one was before, and how the last two compare."""
    now = roster()
    rows = [facts(row) for row in (now.live, now.candidate, now.previous) if row is not None]
    if json:
        show_json(rows)
        return
    if not rows:
        say("This shop has not written down its encoder yet. Run `feira migrate`.")
    columns = ("state", "name", "encoder_id", "seen", "since", "note")
    show_table([{column: row[column] for column in columns} for row in rows])
    latest = now.candidate if now.candidate is not None and now.candidate.report else now.live
    if latest is not None and latest.report:
        say(f"\n{latest.name}, compared with the encoder before it:")
        show_table(report_lines(latest.report))


@swap.command(epilog="Example: [bold]feira model swap pause[/] before a busy evening.")
def pause() -> None:
    """Stop showing photos to the encoder that comes; new photos are still shown to both."""
    row = swaps.pause()
    say(f"{row.name} waits after {row.done} of {row.total} photos. `feira model swap resume` goes on.")


@swap.command(epilog="Example: [bold]feira model swap resume[/].")
def resume() -> None:
    """Go on where the pause began."""
    row = swaps.resume()
    say(f"{row.name} goes on after {row.done} of {row.total} photos.")


@swap.command(epilog="Example: [bold]feira model swap cancel[/].")
def cancel() -> None:
    """Call the change off and delete what the new encoder has seen; the live one goes on."""
    row = swaps.cancel()
    say(f"{row.name} is called off; its embeddings are deleted in the background.")


def choose_before_the_database(name: str) -> None:
    """Remember the encoder of a shop that has no database yet."""
    settings = load_settings()
    choose_encoder(settings, name)
    if settings.encoder and settings.encoder != name:
        say(f"Chosen, but FEIRA_ENCODER={settings.encoder} goes before it. Unset that to begin with {name}.")
    else:
        say(f"This shop has no database yet; it will begin with {name}.")


def facts(row: ServedEncoder) -> dict[str, Any]:
    """Return an encoder's part in the shop as data."""
    since = row.switched_at or row.ready_at or row.created_at
    return {
        "state": row.state,
        "name": row.name,
        "encoder_id": row.encoder_id,
        "done": row.done,
        "total": row.total,
        "seen": f"{row.done} of {row.total}" if row.total else "",
        "since": since.isoformat(timespec="seconds"),
        "asks": row.asks,
        "note": row.note,
        "report": row.report,
    }


def report_lines(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a comparison as lines of a table."""
    return [
        {"compared": part, "figure": name.replace("_", " "), "value": value}
        for part, figures in report.items()
        if isinstance(figures, dict)
        for name, value in figures.items()
    ]
