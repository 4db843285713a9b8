"""The checks of `feira check` and `feira test`, one after the other, each under a heading."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from feira.cli.console import say

PYTHON_FILES = (".", "feira")  # the launcher's name has no ending, so it must be named
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Stage:
    """One program to run from the root of the clone; `fix` is the command that repairs what it finds."""

    name: str
    heading: str
    command: tuple[str, ...]
    fix: tuple[str, ...] = ()


CHECKS = (
    Stage(
        "format",
        "Format (ruff)",
        (sys.executable, "-m", "ruff", "format", "--check", *PYTHON_FILES),
        (sys.executable, "-m", "ruff", "format", *PYTHON_FILES),
    ),
    Stage(
        "lint",
        "Lint (ruff)",
        (sys.executable, "-m", "ruff", "check", *PYTHON_FILES),
        (sys.executable, "-m", "ruff", "check", "--fix", *PYTHON_FILES),
    ),
    Stage("types", "Types (mypy --strict)", (sys.executable, "-m", "mypy")),
    Stage("imports", "Import contracts (import-linter)", (sys.executable, str(BIN / "lint-imports"))),
)


def run_stages(stages: Sequence[Stage], *, root: Path, fix: bool = False) -> int:
    """Run the stages until one fails; return that one's exit code, 0 when all passed."""
    for stage in stages:
        say(f"\n=== {stage.heading}")
        started = time.monotonic()
        if fix and stage.fix:
            subprocess.run(stage.fix, cwd=root, check=False)
        code = subprocess.run(stage.command, cwd=root, check=False).returncode
        if code:
            again = f" Repair what can be repaired: feira check {stage.name} --fix" if stage.fix else ""
            say(f"=== {stage.heading}: FAILED.{again}")
            return code
        say(f"=== {stage.heading}: passed in {time.monotonic() - started:.1f} s")
    return 0


def run_pytest(arguments: Sequence[str], *, root: Path) -> int:
    """Run pytest and return its exit code; its summary is the last thing printed."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=root, check=False).returncode
