"""`feira train words`: teach the text encoder that ships with Feira."""

from pathlib import Path
from typing import Annotated

import typer

from feira.cli.console import say
from feira.cli.training_extra import need_torch

EXAMPLE = "[bold]feira train words --data ../shared/data --teacher ../shared/models/minilm --out words[/]"


def words(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Holds clothing/train, fashion-products, stickers and reviews.")
    ],
    teacher: Annotated[Path, typer.Option(metavar="DIR", help="Sentence encoder whose answers are learned.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the table, its card and the answers are written.")],
    *,
    seed: Annotated[int, typer.Option(help="Of phrases, typos, the first table and the order of texts.")] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="Small table, few phrases: does it all work?")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Cores for the teacher.")] = 1,
) -> None:
    """Train the built-in words from the answers of a sentence encoder, and write the table and its card.

    The sum of a text's words learns to point where the teacher's answer points. The teacher's answers are kept in --out
    and used again. PyTorch is needed.
    """
    need_torch()
    # Here and not above: the other commands of this group, and installations without PyTorch, do without it.
    from feira.training.word_run import run  # noqa: PLC0415
    from feira.training.words import WordsRecipe  # noqa: PLC0415

    recipe = WordsRecipe.quick(seed) if quick else WordsRecipe(seed=seed)
    figures = run(data, teacher, out, recipe=recipe, threads=threads, say=say)
    for what, one in figures.items():
        say(f"{what}: {one.neighbours:.0%} of the ten nearest as the teacher names them, of {one.texts}")
    say(f"{out} holds the words and their card, CARD.md.")
