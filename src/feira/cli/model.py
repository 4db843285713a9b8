"""`feira model`: which encoders there are, and which one is served."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from feira.cli.console import say, show_json, show_table
from feira.core.errors import Refused
from feira.engine.config import choose_encoder, chosen_encoder
from feira.engine.registry import EncoderCard, list_encoders
from feira.settings import load_settings

app = typer.Typer(help="List the encoders and choose the one that is served.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")]


@app.command("list", epilog="Example: [bold]feira model list --json[/].")
def list_models(json: AsJson = False) -> None:
    """List the built-in encoder and every model in the models folder; `*` marks the one that is served."""
    rows = [facts(card) for card in cards()]
    if json:
        show_json(rows)
        return
    columns = ("name", "kind", "encoder_id", "dim", "licence", "fault")
    show_table([{"": "*" if row["in_use"] else "", **{name: row[name] for name in columns}} for row in rows])


@app.command(epilog="Example: [bold]feira model show mobilenet_v2[/].")
def show(name: Name, json: AsJson = False) -> None:
    """Show what is known of one encoder."""
    row = facts(card_named(name))
    if json:
        show_json(row)
    else:
        show_table([{"what": key.replace("_", " "), "value": value} for key, value in row.items()])


@app.command(epilog="Example: [bold]feira model use mobilenet_v2[/], then start the engine again.")
def use(name: Name) -> None:
    """Choose the encoder that the engine serves from its next start."""
    card = card_named(name)
    if not card.is_valid:
        raise Refused(f"{name} cannot be used: {card.fault}")
    settings = load_settings()
    choose_encoder(settings, name)
    if settings.encoder and settings.encoder != name:
        say(f"Chosen, but FEIRA_ENCODER={settings.encoder} goes before it. Unset that to use {name}.")
    else:
        say(f"{name} is served from the engine's next start; the workers then let it see every photo, batch by batch.")


def cards() -> list[EncoderCard]:
    """Return every encoder of this installation."""
    return list_encoders(load_settings().resolved_models_dir())


def card_named(name: str) -> EncoderCard:
    """Return the encoder of this name.

    Raises:
        Refused: there is none.
    """
    known = {card.name: card for card in cards()}
    if name not in known:
        folder = load_settings().resolved_models_dir()
        raise Refused(f"There is no encoder named {name} in {folder}; there are: {', '.join(known)}.")
    return known[name]


def facts(card: EncoderCard) -> dict[str, Any]:
    """Return a card as data."""
    return {**asdict(card), "in_use": card.name == chosen_encoder(load_settings())}
