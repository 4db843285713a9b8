"""`feira train bridge`: let an encoder bring a bridge from words along."""

from pathlib import Path
from typing import Annotated

import typer

from feira.cli.console import say
from feira.cli.training_extra import need_torch

EXAMPLE = "[bold]feira train bridge --model models/mobilenet_v2 --data ../shared/data[/]"


def bridge(
    model: Annotated[Path, typer.Option(metavar="DIR", help="Model folder of an encoder of pictures.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Holds clothing/train, fashion-products, stickers.")],
    *,
    text: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sentence encoder.  [default: the built-in words]")
    ] = None,
    drawn: Annotated[int, typer.Option(min=0, help="Drawn photos besides.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the drawn photos.")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="Cores that look.")] = 1,
) -> None:
    """Fit words to an encoder's pictures on the training photos, and write `bridge.npz` into its folder.

    A shop that serves the encoder can then be asked in words from its first photo on, and its own titles are added to
    what is in the file. Held-out products and stickers are not learned from; the share of their photos that their own
    titles find among the first ten is printed.
    """
    need_torch()
    # Here and not above: the other commands of this group, and installations without PyTorch, do without it.
    from feira.training.prior_run import write_prior  # noqa: PLC0415

    reached = write_prior(model, data, text=text, drawn=drawn, seed=seed, threads=threads, say=say)
    for what, (share, count) in reached.items():
        say(f"{what}: {share:.1%} of {count} found among the first ten by their own words")
    say(f"{model} brings a bridge now.")
