"""`feira train`: teach the encoders that ship with Feira; needs the `torch` extra."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from feira.cli import train_align, train_bridge, train_classifier, train_words
from feira.cli.console import Advance, progress, say
from feira.cli.training_extra import need_torch

app = typer.Typer(help="Teach the encoders that ship with Feira.", no_args_is_help=True)

_EXAMPLE = "[bold]feira train encoder --data ../shared/data --teacher ../shared/models/mobilenet_v2 --out eye[/]"


@app.callback()
def group() -> None:
    """Teach the encoders that ship with Feira."""


@app.command(epilog=f"Example: {_EXAMPLE}")
def encoder(
    teacher: Annotated[Path, typer.Option(metavar="DIR", help="Model folder whose answers are learned.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the finished model folder is written.")],
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Holds clothing/train, fashion-products, stickers.  [default: drawn photos only]"
        ),
    ] = None,
    words: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sentence encoder; ties pictures to words.  [default: none]")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on from the weights of an encoder like this one.  [default: random]"),
    ] = None,
    work: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Views and state, some gigabytes.  [default: OUT.work]")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.0, help="Time of learning, making views not counted.")] = 70.0,
    seed: Annotated[int, typer.Option(help="Of views, weights and batches.")] = 7,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was stopped.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny network, few views: does it all work?")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Cores that learn; one is best on a busy machine.")] = 1,
) -> None:
    """Train the built-in eye and write its model folder, heads and card.

    A small network learns to answer as the teacher does about many changed copies of each photo, and what is known of
    the photos besides. It may be stopped at any moment and taken up with --resume. PyTorch is needed.
    """
    need_torch()
    # Here and not above: the other commands of this group, and installations without PyTorch, do without it.
    from feira.training.encoder import Order, train_encoder  # noqa: PLC0415

    order = Order(
        data=data,
        teacher=teacher,
        out=out,
        work=work or out.with_name(f"{out.name}.work"),
        words=words,
        start=start,
        minutes=minutes,
        seed=seed,
        resume=resume,
        quick=quick,
        processes=threads,
        threads=threads,
    )
    with ExitStack() as shown:
        advance: Advance | None = None
        seen = 0

        def follow(done: int, total: int) -> None:
            nonlocal advance, seen
            if advance is None:  # how many there are is known only now
                advance = shown.enter_context(progress("views", total))
            advance(done - seen)
            seen = done

        figures = train_encoder(order, say=say, progress=follow)
    size = sum(figures.sizes.values()) / 1e6
    say(f"{out} holds the encoder ({size:.1f} MB) and its card, CARD.md.")


app.command(epilog=f"Example: {train_words.EXAMPLE}")(train_words.words)
app.command(epilog=f"Example: {train_bridge.EXAMPLE}")(train_bridge.bridge)
app.command(epilog=f"Example: {train_align.EXAMPLE}")(train_align.align)
app.command(epilog=f"Example: {train_classifier.EXAMPLE}")(train_classifier.classifier)
