"""`feira train` from the command line: what it refuses before hours are spent."""

import importlib.util
import os
from pathlib import Path

import pytest

from feira.cli import train
from tests.cli.conftest import Call
from tests.shared_files import SHARED, needs_shared

MOBILENET = SHARED / "models" / "mobilenet_v2"
# Under `CI=true` the missing package fails the tests themselves.
_CANNOT = importlib.util.find_spec("torch") is None and os.environ.get("CI") != "true"
pytestmark = pytest.mark.skipif(_CANNOT, reason="needs the extra feira[torch]")


def test_a_teacher_that_is_none_is_refused(call: Call, tmp_path: Path) -> None:
    said = call(train.app, "encoder", "--quick", "--teacher", tmp_path, "--out", tmp_path / "eye")
    assert said.code != 0
    assert "model.json" in said.err
    assert not (tmp_path / "eye").exists()


@needs_shared("models/minilm")
def test_a_teacher_that_names_no_classes_is_refused(call: Call, tmp_path: Path) -> None:
    said = call(train.app, "encoder", "--quick", "--teacher", SHARED / "models" / "minilm", "--out", tmp_path / "eye")
    assert said.code != 0
    assert "classes" in said.err


@needs_shared("models/mobilenet_v2")
def test_an_unfinished_training_is_not_begun_anew_by_mistake(call: Call, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "state.pt").write_bytes(b"of an earlier run")
    arguments = ("--quick", "--teacher", MOBILENET, "--out", tmp_path / "eye", "--work", work)
    said = call(train.app, "encoder", *arguments)
    assert said.code == 1
    assert "--resume" in said.err
    assert (work / "state.pt").read_bytes() == b"of an earlier run"
