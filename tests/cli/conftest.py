"""Calling commands as a shell would: in this process where that is enough, else in one of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from feira.cli.errors import exit_code_of
from feira.settings import load_settings


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that sets FEIRA_* variables for this test."""

    def give(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FEIRA_{name.upper()}", str(value))
        load_settings.cache_clear()

    yield give
    monkeypatch.undo()
    load_settings.cache_clear()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that calls a command's app in this process."""

    def run(app: typer.Typer, *arguments: object) -> Said:
        capsys.readouterr()
        code = exit_code_of(lambda: app([str(argument) for argument in arguments], prog_name="feira"))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def feira(tmp_path: Path) -> Call:
    """Return a function that runs `feira` in a process of its own, on a data folder of its own."""

    def run(*arguments: object, stdin: str = "", **env: str) -> Said:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
        done = subprocess.run(
            [sys.executable, "-m", "feira.cli.main", *map(str, arguments)],
            env={**kept, "FEIRA_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "100", **env},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run
