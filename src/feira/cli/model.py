"""`feira model`: which encoders there are, and which one is served."""

from typing import Annotated

import typer

from feira.cli import model_swap
from feira.cli.console import show_json, show_table
from feira.cli.model_cards import card_named, cards, facts

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


app.add_typer(model_swap.app)
