"""`feira model evaluate`: how good one encoder is on your photos, kept with what is known of it."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from feira import __version__
from feira.cli.console import progress, say, show_json, show_table
from feira.core.evaluation.encoder import evaluate_encoder
from feira.core.evaluation.similar import labelled_photos
from feira.engine.measured import keep_measured
from feira.engine.registry import open_encoder
from feira.settings import load_settings

app = typer.Typer()


@app.command(
    epilog="Example: [bold]feira model evaluate siglip2-base --gallery clothing/train --queries clothing/test[/]."
)
def evaluate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")],
    gallery: Annotated[Path, typer.Option(metavar="DIR", help="Photos to find, one sub-folder per class.")],
    queries: Annotated[Path, typer.Option(metavar="DIR", help="Photos to search with, in folders of the same names.")],
    *,
    threads: Annotated[int, typer.Option(min=1, help="Cores for the encoder.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure one encoder on folders of classes and keep the figures; `feira model show` tells them.

    precision_at_10 and knn10_accuracy as `feira evaluate similar` has them, and where the encoder reads,
    words_precision_at_10: the share of the ten nearest photos to a class's name that are of the class.
    """
    settings = load_settings()
    encoder = open_encoder(name, models_dir=settings.resolved_models_dir(), threads=threads)
    total = len(labelled_photos(gallery)) + len(labelled_photos(queries))
    with progress(encoder.encoder_id, total) as advance:
        seen = 0

        def follow(done: int, _total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        found = evaluate_encoder(gallery, queries, encoder, progress=follow)
    entry: dict[str, Any] = {
        **{key: value for key, value in asdict(found).items() if value is not None},
        "gallery_folder": gallery.resolve().name,
        "queries_folder": queries.resolve().name,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "feira": __version__,
    }
    keep_measured(settings.data_dir.resolve(), encoder.encoder_id, entry)
    if json:
        show_json(entry)
    else:
        show_table([{"what": key.replace("_", " "), "value": value} for key, value in entry.items()])
        say(f"Kept; `feira model show {name}` tells it.")
