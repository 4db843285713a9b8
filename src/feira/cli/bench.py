"""`feira bench`: the scripts in `benchmarks/`, each of which prints ratios."""

import ast
import subprocess
import sys
from pathlib import Path

import typer

from feira.cli.clone import clone_root
from feira.cli.console import show_table
from feira.cli.errors import Misused

app = typer.Typer()


@app.command(
    epilog="Examples: [bold]feira bench[/] lists them, [bold]feira bench import_photos --help[/].",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False},
)
def bench(context: typer.Context) -> None:
    """Run a benchmark by name with its own arguments, or list them all."""
    scripts = {path.stem: path for path in sorted((clone_root() / "benchmarks").glob("[!_]*.py"))}
    if not context.args:
        show_table([{"name": name, "what it shows": first_line(path)} for name, path in scripts.items()])
        return
    name, *arguments = context.args
    if name not in scripts:
        raise Misused(f"There is no benchmark named {name}. Choose from {', '.join(scripts) or 'none'}.")
    raise typer.Exit(subprocess.run([sys.executable, scripts[name], *arguments], check=False).returncode)


def first_line(script: Path) -> str:
    """Return the first line of a script's docstring."""
    return (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")[0]
