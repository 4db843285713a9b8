"""`feira check` and `feira test`: stages in order, the first failure ends them."""

import sys
from pathlib import Path

import pytest

from feira.cli import bench, check
from feira.cli.clone import clone_root
from feira.cli.stages import CHECKS, Stage, run_pytest, run_stages
from tests.cli.conftest import Call


def stage(name: str, code: str, *, fix: str = "") -> Stage:
    """Return a stage that runs a line of Python."""
    return Stage(name, name.title(), (sys.executable, "-c", code), (sys.executable, "-c", fix) if fix else ())


def test_stages_run_until_one_fails_and_its_code_is_kept(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stages = [stage("one", "print('first')"), stage("two", "raise SystemExit(3)"), stage("three", "print('third')")]
    assert run_stages(stages, root=tmp_path) == 3
    said = capfd.readouterr()
    assert "One: passed" in said.err
    assert "Two: FAILED" in said.err
    assert "first" in said.out
    assert "third" not in said.out


def test_fixing_runs_the_repair_before_the_check(tmp_path: Path) -> None:
    checked = stage("one", "open('repaired')", fix="open('repaired', 'w')")
    assert run_stages([checked], root=tmp_path) == 1
    assert run_stages([checked], root=tmp_path, fix=True) == 0


def test_pytest_gets_the_arguments_and_its_code_comes_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test_one.py").write_text("def test_it():\n    assert False\n")
    assert run_pytest(["-q", "-p", "no:randomly", "test_one.py"], root=tmp_path) == 1
    assert capfd.readouterr().out.rstrip().splitlines()[-1].startswith("1 failed")


def test_an_unknown_stage_is_misuse(call: Call) -> None:
    said = call(check.app, "format", "spelling")
    assert said.code == 2
    assert "spelling" in said.err
    assert all(each.name in said.err for each in CHECKS)


def test_every_hook_before_a_commit_is_a_stage_of_the_tests() -> None:
    hooks = (clone_root() / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    called = [line.rpartition(" ")[2] for line in hooks.splitlines() if "entry: ./feira check" in line]
    assert called == [each.name for each in CHECKS]


def test_an_unknown_benchmark_is_misuse(call: Call) -> None:
    said = call(bench.app, "nope")
    assert said.code == 2
    assert "nope" in said.err
