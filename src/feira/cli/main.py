"""The command `feira` and the list of what it can do."""

import sys
from typing import Annotated

import typer

from feira import __version__
from feira.cli.errors import exit_code_of
from feira.cli.lazy import LazyCommand, lazy_group

SHOP, DATA, ENGINE, CARE, PROCESSES = "Run a shop", "Data", "Encoders and index", "Care", "Single processes"

COMMANDS = {
    "demo": LazyCommand("feira.cli.demo", "Fill a shop with sample photos and open it.", SHOP),
    "up": LazyCommand("feira.cli.up", "Start every process of the shop and keep it running.", SHOP),
    "doctor": LazyCommand("feira.cli.doctor", "Explain what is configured and what is wrong.", SHOP),
    "import": LazyCommand(
        "feira.cli.imports", "Import listings from a file or an image folder.", DATA, needs_shop=True
    ),
    "user": LazyCommand(
        "feira.cli.user", "Create accounts, list them, set passwords, form teams.", DATA, needs_shop=True
    ),
    "jobs": LazyCommand(
        "feira.cli.jobs", "List and watch jobs, cancel and retry them, start services.", DATA, needs_shop=True
    ),
    "dataset": LazyCommand(
        "feira.cli.dataset", "Ask for data sets, watch, fetch, compare and name them.", DATA, needs_shop=True
    ),
    "migrate": LazyCommand(
        "feira.cli.migrate", "Bring database and static files up to this version.", DATA, needs_shop=True
    ),
    "model": LazyCommand(
        "feira.cli.model", "Fetch encoders, measure them, choose the one that is served.", ENGINE, needs_shop=True
    ),
    "index": LazyCommand("feira.cli.index", "Look at the search index, verify it, rebuild it.", ENGINE),
    "evaluate": LazyCommand("feira.cli.evaluate", "Measure how well encoders find what looks alike.", ENGINE),
    "train": LazyCommand("feira.cli.train", "Teach the encoders that ship with Feira.", ENGINE),
    "test": LazyCommand("feira.cli.test", "Run every check and every test (in a clone).", CARE),
    "check": LazyCommand("feira.cli.check", "Run the checks only: format, lint, types, imports.", CARE),
    "bench": LazyCommand("feira.cli.bench", "Run benchmarks and print their ratios (in a clone).", CARE),
    "web": LazyCommand("feira.cli.web", "Serve pages and API.", PROCESSES, needs_shop=True),
    "worker": LazyCommand("feira.cli.worker", "Work on jobs.", PROCESSES, needs_shop=True),
    "engine": LazyCommand("feira.cli.engine", "Serve encoder and index.", PROCESSES),
    "beat": LazyCommand("feira.cli.beat", "Start what recurs.", PROCESSES, needs_shop=True),
    "fill-demo": LazyCommand("feira.cli.fill_demo", "Demo's part in Django.", SHOP, needs_shop=True, hidden=True),
    "examine-shop": LazyCommand(
        "feira.cli.examine_shop", "Doctor's look into Django.", CARE, needs_shop=True, hidden=True
    ),
}

app = typer.Typer(
    name="feira",
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Data goes to stdout, progress to stderr. Exit codes: 0 done, 1 refused, 2 misused.",
)


def print_version(wanted: bool) -> None:
    """Print the version and stop, when asked."""
    if wanted:
        print(f"feira {__version__}")
        raise typer.Exit


@app.callback()
def feira(
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A marketplace that understands its own pictures.

    [bold]feira demo[/] opens a shop full of sample photos; [bold]feira up[/] opens yours.
    Every command explains itself: [bold]feira import --help[/].
    """


def main() -> None:
    """Run the command line and exit."""
    sys.exit(exit_code_of(lambda: app(prog_name="feira")))


if __name__ == "__main__":
    main()
