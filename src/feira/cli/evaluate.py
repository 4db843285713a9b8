"""`feira evaluate`: how good the encoders are, on photos whose folders say what they show."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from feira.cli.clone import find_clone
from feira.cli.console import progress, say, show_json, show_table
from feira.cli.evaluate_all import everything, show
from feira.cli.evaluate_colours import colours
from feira.cli.evaluate_words import as_rows, words_measured
from feira.core.errors import FeiraError, Refused
from feira.core.evaluation.similar import evaluate_similar, labelled_photos
from feira.engine.registry import list_encoders, open_encoder
from feira.engine.texts import BUILTIN_TEXT_MODEL
from feira.settings import load_settings

app = typer.Typer(help="Measure how well encoders find what looks alike.", no_args_is_help=True)
Encoders = Annotated[
    list[str] | None, typer.Option("--encoder", metavar="NAME", help="May be given again.  [default: every usable one]")
]
Models = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of models.  [default: FEIRA_MODELS_DIR, else ../shared/models]"),
]
TextModel = Annotated[str, typer.Option(metavar="NAME", help="What reads the words of encoders that only see.")]
Threads = Annotated[int, typer.Option(min=1, help="Cores for one encoder.")]
EXAMPLE = "[bold]feira evaluate similar --gallery clothing/train --queries clothing/test --json[/]"


@app.callback()
def group() -> None:
    """Measure how well encoders find what looks alike."""


@app.command(epilog=f"Example: {EXAMPLE}")
def similar(
    gallery: Annotated[Path, typer.Option(metavar="DIR", help="Photos to find, one sub-folder per class.")],
    queries: Annotated[Path, typer.Option(metavar="DIR", help="Photos to search with, in folders of the same names.")],
    *,
    encoder: Encoders = None,
    models: Models = None,
    threads: Threads = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Search every query photo in the gallery and count how often its own class comes back.

    Prints, per encoder, precision_at_10 (share of the ten nearest with the query's class), knn10_accuracy (class with
    most of their votes, weighted by similarity, is right), counts and speed.
    """
    models_dir = (models or default_models_dir()).resolve()
    total = len(labelled_photos(gallery)) + len(labelled_photos(queries))
    rows = []
    for name in encoder or usable_encoders(models_dir):
        try:
            rows.append(measured(name, gallery, queries, models_dir=models_dir, threads=threads, total=total))
        except FeiraError as error:
            if encoder:
                raise
            say(f"{name} is left out: {error.message}")
    if not rows:
        raise Refused("No encoder could be measured; the lines above say why.")
    if json:
        show_json(rows)
    else:
        show_table(
            [{name: round(fact, 4) if isinstance(fact, float) else fact for name, fact in row.items()} for row in rows]
        )


@app.command(epilog="Example: [bold]feira evaluate words --data ../shared/data --encoder builtin[/]")
def words(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Holds fashion-products, stickers and photos.")],
    *,
    encoder: Encoders = None,
    text: TextModel = BUILTIN_TEXT_MODEL,
    models: Models = None,
    threads: Threads = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Ask for photos in words, on what was kept from training: titles, colours and kinds, stickers, captions, changes.

    An encoder that sees only and brought no bridge is first taught with the titles of the other photos, as a shop does.
    """
    models_dir = (models or default_models_dir()).resolve()
    rows = []
    for name in encoder or usable_encoders(models_dir):
        facts, measures = words_measured(name, data, models_dir=models_dir, text_model=text, threads=threads)
        rows += as_rows(facts, measures)
    if json:
        show_json(rows)
    else:
        columns = ("encoder", "task", "way", "metric", "value", "queries")
        show_table([{name: _short(row[name]) for name in columns} for row in rows])
        for taught in dict.fromkeys(
            f"{row['encoder']} with {row['words']}, taught by {row['taught_by']}" for row in rows
        ):
            say(taught)


@app.command("all", epilog="Example: [bold]feira evaluate all --data ../shared/data --models ../shared/models[/]")
def evaluate_all(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Holds clothing, fashion-products, stickers and photos.")],
    *,
    encoder: Encoders = None,
    text: TextModel = BUILTIN_TEXT_MODEL,
    models: Models = None,
    threads: Threads = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure everything on what was kept from training: what looks alike, words, feedback, colours."""
    models_dir = (models or default_models_dir()).resolve()
    names = encoder or usable_encoders(models_dir)
    figures = everything(names, data, models_dir=models_dir, text_model=text, threads=threads)
    if json:
        show_json(figures)
    else:
        show(figures)


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


app.command(epilog="Example: [bold]feira evaluate colours --data ../shared/data/fashion-products[/]")(colours)


def default_models_dir() -> Path:
    """Return the shop's models folder; while there is none, the models that lie beside the clone, if any."""
    configured, clone = load_settings().resolved_models_dir(), find_clone()
    if configured.is_dir() or clone is None:
        return configured
    beside = clone.parent / "shared" / "models"
    return beside if beside.is_dir() else configured


def usable_encoders(models_dir: Path) -> list[str]:
    """Return the names of encoders that can be opened, having said why others cannot."""
    cards = list_encoders(models_dir)
    for card in cards:
        if not card.is_valid:
            say(f"{card.name} is left out: {card.fault}")
    return [card.name for card in cards if card.is_valid]


def measured(name: str, gallery: Path, queries: Path, *, models_dir: Path, threads: int, total: int) -> dict[str, Any]:
    """Return the facts of one encoder."""
    opened = open_encoder(name, models_dir=models_dir, threads=threads)
    with progress(opened.encoder_id, total) as advance:
        seen = 0

        def follow(done: int, _total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        return asdict(evaluate_similar(gallery, queries, opened, progress=follow))
