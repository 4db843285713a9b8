"""`feira evaluate all`: the whole table of figures in one go, as it stands in the docs."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feira.cli.console import show_table
from feira.cli.evaluate_words import photos_seen, reader_of, words_measured
from feira.core.evaluation.catalogues import read_products
from feira.core.evaluation.colours import evaluate_colours, labelled_pictures
from feira.core.evaluation.judged import measure_feedback
from feira.core.evaluation.similar import evaluate_similar, labelled_photos
from feira.engine.registry import open_encoder

Rows = list[dict[str, Any]]


def everything(names: Sequence[str], data: Path, *, models_dir: Path, text_model: str, threads: int) -> dict[str, Rows]:
    """Return every figure: what looks alike, words and pictures, what feedback is worth, named colours.

    Feedback is measured with the first of the encoders.

    Raises:
        SourceError: a catalogue is missing below `data`.
    """
    gallery, queries = data / "clothing" / "train", data / "clothing" / "test"
    labelled_photos(queries)  # says what is missing before anything was measured for minutes
    similar = [
        asdict(evaluate_similar(gallery, queries, open_encoder(name, models_dir=models_dir, threads=threads)))
        for name in names
    ]
    words: Rows = []
    for name in names:
        facts, measures = words_measured(name, data, models_dir=models_dir, text_model=text_model, threads=threads)
        words += [{**facts, **asdict(each)} for each in measures]
    colours = [
        {key: value for key, value in asdict(measured).items() if key != "by_colour"}
        for measured in (
            evaluate_colours(
                labelled_pictures(data / "fashion-products", held_out=True), with_foreground=with_foreground
            )
            for with_foreground in (True, False)
        )
    ]
    feedback = feedback_measured(names[0], data, models_dir=models_dir, text_model=text_model, threads=threads)
    return {"similar": similar, "words": words, "feedback": feedback, "colours": colours}


def feedback_measured(name: str, data: Path, *, models_dir: Path, text_model: str, threads: int) -> Rows:
    """Return what feedback is worth when an encoder answers."""
    encoder = open_encoder(name, models_dir=models_dir, threads=threads)
    products = read_products(data / "fashion-products")
    images = photos_seen(encoder, [product.path for product in products], label=f"{encoder.encoder_id}: products")
    read, _text_id, _taught_by = reader_of(name, encoder, data, models_dir=models_dir, text_model=text_model)
    return [{"encoder": encoder.encoder_id, **asdict(each)} for each in measure_feedback(products, images, read)]


def show(figures: dict[str, Rows]) -> None:
    """Print the tables; figures about words stand side by side, a column for each encoder."""
    for title, rows in figures.items():
        print(f"\n{title}")
        show_table(side_by_side(rows) if title == "words" else [rounded(row) for row in rows])


def side_by_side(rows: Rows) -> Rows:
    """Return one row for each thing that was measured, with a column for each encoder."""
    table: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        asked = {"task": row["task"], "way": row["way"], "metric": row["metric"]}
        table.setdefault((row["task"], row["way"], row["metric"]), asked)[row["encoder"]] = round(row["value"], 3)
    return list(table.values())


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its figures as people read them."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
