"""`feira test`: every check, then every test."""

import typer

from feira.cli.clone import clone_root
from feira.cli.console import say
from feira.cli.stages import CHECKS, run_pytest, run_stages

# Two processes, whole files each: the fixtures that start a shop are made once per file.
EVERYTHING = ("-n", "2", "--dist", "loadfile")

app = typer.Typer()


@app.command(
    epilog="Examples: [bold]feira test[/], [bold]feira test tests/core -k neighbours[/].",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]},
)
def test(context: typer.Context) -> None:
    """Check format, lint, types and imports, then run the tests; ends with pytest's summary.

    With arguments, only pytest runs, with those arguments.
    """
    root = clone_root()
    if context.args:
        raise typer.Exit(run_pytest(context.args, root=root))
    code = run_stages(CHECKS, root=root)
    if code == 0:
        say("\n=== Tests (pytest)")
        code = run_pytest(EVERYTHING, root=root)
    raise typer.Exit(code)
