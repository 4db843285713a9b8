"""`feira evaluate colours`: how often products are given the colour that their seller states."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from feira.cli.console import progress, say, show_json, show_table
from feira.core.evaluation.colours import ColourEvaluation, LabelledPicture, evaluate_colours, labelled_pictures


def colours(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Holds products.csv with id, baseColour and file.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Name the colours of products that were kept from fitting, and compare them with the stated ones.

    Prints how often the largest colour is the stated one (top1), it is among the two largest (top2), and it would be
    given as a tag (tagged): of what the picture shows, and of the whole picture for comparison.
    """
    pictures = labelled_pictures(data, held_out=True)
    results = [_measured(pictures, with_foreground=with_foreground) for with_foreground in (True, False)]
    rows = [asdict(result) for result in results]
    if json:
        show_json(rows)
        return
    show_table(
        [
            {name: round(fact, 3) if isinstance(fact, float) else fact for name, fact in row.items() if _is_plain(fact)}
            for row in rows
        ]
    )
    per_colour = ", ".join(f"{name} {share:.0%}" for name, share in results[0].by_colour.items())
    say(f"top1 of each stated colour: {per_colour}")


def _is_plain(fact: object) -> bool:
    return not isinstance(fact, dict)


def _measured(pictures: list[LabelledPicture], *, with_foreground: bool) -> ColourEvaluation:
    with progress("Naming colours", len(pictures)) as advance:
        seen = 0

        def follow(done: int, _total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        return evaluate_colours(pictures, with_foreground=with_foreground, progress=follow)
