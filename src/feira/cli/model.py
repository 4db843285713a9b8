"""`feira model`: which encoders there are, and which one is served."""

from typing import Annotated

import typer

from feira.cli import model_evaluate, model_make, model_pull, model_swap
from feira.cli.console import show_json, show_table
from feira.cli.model_cards import card_named, cards, facts
from feira.engine.hub.presets import presets
from feira.engine.measured import read_measured
from feira.settings import load_settings

app = typer.Typer(
    help="Fetch encoders, look at them, measure them, choose the one that is served.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")]


@app.command("list", epilog="Example: [bold]feira model list --json[/].")
def list_models(
    available: Annotated[
        bool, typer.Option("--available", help="List instead what can be fetched by name: `feira model pull`.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List the built-in encoder and every model in the models folder; `*` marks the one that is served."""
    if available:
        list_presets(json)
        return
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
    row["measured"] = read_measured(load_settings().data_dir.resolve()).get(row["encoder_id"], [])
    if json:
        show_json(row)
        return
    measured = row.pop("measured")
    if measured:
        row |= {f"measured: {key}": value for key, value in measured[-1].items() if key != "encoder"}
    show_table([{"what": key.replace("_", " "), "value": value} for key, value in row.items()])


def list_presets(json: bool) -> None:
    """Show the models that are known by name."""
    rows = [
        {
            "name": preset.name,
            "title": preset.title,
            "licence": preset.licence,
            "precisions": ["fp32", *preset.variants],
            "repository": preset.repository,
            "revision": preset.revision,
        }
        for preset in presets().values()
    ]
    if json:
        show_json(rows)
    else:
        show_table([{key: row[key] for key in ("name", "title", "licence")} for row in rows])


for part in (model_pull, model_make, model_evaluate, model_swap):
    app.add_typer(part.app)
