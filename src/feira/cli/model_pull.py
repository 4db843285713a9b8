"""`feira model pull` and `feira model remove`: what lies in the models folder."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from feira.cli.console import progress, say, show_json
from feira.cli.errors import Misused
from feira.cli.model_cards import card_named
from feira.core.encoders.manifest import read_manifest
from feira.core.errors import Refused
from feira.engine.config import chosen_encoder
from feira.engine.hub.config import hub_config
from feira.engine.hub.lock import forget_entry, read_lock
from feira.engine.hub.plan import Plan, make_plan
from feira.engine.hub.presets import Precision
from feira.engine.hub.pull import FollowFile, pull
from feira.engine.hub.transfer import Transfer
from feira.settings import load_settings

app = typer.Typer()

PRECISIONS = ("fp32", "fp16", "int8")
_MEGABYTE = 1_000_000


@app.command("pull", epilog="Example: [bold]feira model pull siglip2-base --yes[/].")
def pull_model(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="A name from `feira model list --available`, hub:OWNER/REPOSITORY, the same with @REVISION, or the "
            "address of a model.json.",
        ),
    ],
    *,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the folder.  [default: its own]")] = "",
    precision: Annotated[
        str, typer.Option(metavar="PRECISION", help="fp32, fp16 or int8, as far as a preset has it.")
    ] = "fp32",
    yes: Annotated[bool, typer.Option("--yes", help="Accept the licence without being asked.")] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Give up the checksums of an earlier pull and take what there is now.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fetch a model into the models folder.

    The licence is shown before anything large is fetched. What comes is compared with its checksums and tried out, and
    only then takes its place; an interrupted pull goes on where it stopped.
    """
    if precision not in PRECISIONS:
        raise Misused(f"There is no precision {precision!r}; there are {', '.join(PRECISIONS)}.")
    settings = load_settings()
    models_dir = settings.resolved_models_dir()
    config = hub_config(settings)
    transfer = Transfer(config)
    wanted: Precision = precision  # type: ignore[assignment]  # checked above
    try:
        locked = {} if renew else read_lock(models_dir)
        plan = make_plan(address, name=name, precision=wanted, locked=locked, config=config, transfer=transfer)
        show_licence(plan)
        if not yes:
            ask(f"Fetch {plan.name} under this licence?")
        if renew and (models_dir / "models.lock.json").exists():
            forget_entry(models_dir, plan.name)
        with follow_files() as follow:
            folder = pull(plan, models_dir=models_dir, transfer=transfer, follow=follow)
    finally:
        transfer.close()
    manifest = read_manifest(folder)
    if json:
        show_json(
            {
                "name": plan.name,
                "encoder_id": manifest.encoder_id,
                "dim": manifest.dim,
                "licence": plan.licence,
                "address": plan.address,
                "revision": plan.revision,
                "path": str(folder),
                "files": manifest.checksums,
            }
        )
    else:
        say(
            f"{plan.name} lies in {folder} as {manifest.encoder_id}. "
            f"Measure it with `feira model evaluate {plan.name}`."
        )


@app.command(epilog="Example: [bold]feira model remove siglip2-base --yes[/].")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `feira model list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a model's folder; the embeddings it made stay in the database.

    Its checksums are kept: pulled again under this name, it must be the same model (`--renew` gives them up).
    """
    settings = load_settings()
    card = card_named(name)
    if card.path is None:
        raise Refused(f"{name} is built in and cannot be removed.")
    if name in {chosen_encoder(settings), settings.text_model}:
        raise Refused(f"{name} is in use. Choose another encoder first: `feira model use`.")
    if not yes:
        ask(f"Remove {card.path}?")
    if card.path.is_symlink():
        card.path.unlink()
    else:
        shutil.rmtree(card.path)
    say(f"{name} is removed.")


def show_licence(plan: Plan) -> None:
    """Say what will be fetched, from where, and under which licence."""
    say(plan.title or plan.address)
    size = f"{plan.bytes / _MEGABYTE:,.0f} MB" if plan.bytes is not None else "the source does not say"
    say(f"  size:    {size}")
    say(f"  from:    {plan.address}" + (f" at commit {plan.revision[:12]}" if plan.revision else ""))
    if not plan.is_pinned:
        say("  pinned:  no; this first pull is trusted, and its checksums are kept")
    say(f"  licence: {plan.licence or 'none is stated: you may have no right to use it'}")
    if plan.licence_url:
        say(f"           {plan.licence_url}")


def ask(question: str) -> None:
    """Go on only when a person says yes.

    Raises:
        Misused: nobody is there to answer.
        Refused: the answer is no.
    """
    if not sys.stdin.isatty():
        raise Misused(f"{question} Nobody is there to answer; add --yes to accept.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("Nothing was done.")


@contextmanager
def follow_files() -> Iterator[FollowFile]:
    """Yield what shows how far each file is, in megabytes."""
    bars: list[tuple[str, Callable[[int], None], object]] = []
    seen = 0

    def end() -> None:
        if bars:
            bars.pop()[2].__exit__(None, None, None)  # type: ignore[attr-defined]

    def follow(name: str, have: int, total: int | None) -> None:
        nonlocal seen
        if total is None or total < _MEGABYTE:
            return
        if not bars or bars[-1][0] != name:
            end()
            seen = have // _MEGABYTE
            bar = progress(f"{name}, MB", total // _MEGABYTE, start=seen)
            bars.append((name, bar.__enter__(), bar))
        more = have // _MEGABYTE - seen
        if more:
            bars[-1][1](more)
            seen += more

    try:
        yield follow
    finally:
        end()
