"""`feira model use`: which encoder is served."""

from typing import Annotated

import typer

from feira.cli.console import say
from feira.cli.model_cards import card_named
from feira.core.errors import Refused
from feira.engine.config import choose_encoder
from feira.settings import load_settings

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")]


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
