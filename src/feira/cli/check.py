"""`feira check`: everything that is known about the code without running it."""

from typing import Annotated

import typer

from feira.cli.clone import clone_root
from feira.cli.errors import Misused
from feira.cli.stages import CHECKS, run_stages

app = typer.Typer()


@app.command(epilog="Examples: [bold]feira check[/], [bold]feira check format lint --fix[/].")
def check(
    stages: Annotated[
        list[str] | None, typer.Argument(metavar="[STAGE]...", help="format, lint, types, imports.  [default: all]")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair format and lint where that is safe.")] = False,
) -> None:
    """Check format, lint, types and import contracts; stop at the first that fails."""
    known = {stage.name: stage for stage in CHECKS}
    if unknown := [name for name in stages or [] if name not in known]:
        raise Misused(f"There is no stage named {', '.join(unknown)}. Choose from {', '.join(known)}.")
    chosen = [stage for stage in CHECKS if not stages or stage.name in stages]
    raise typer.Exit(run_stages(chosen, root=clone_root(), fix=fix))
