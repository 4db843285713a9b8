"""`feira model`, `feira index` and `feira evaluate` from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from feira.cli import evaluate, index, model
from feira.settings import load_settings
from tests.cli.conftest import Call
from tests.shared_files import SHARED, needs_shared

Give = Callable[..., None]


@pytest.fixture
def alone(settings_of: Give, tmp_path: Path) -> Path:
    """A data folder of its own, no engine and no models."""
    settings_of(data_dir=tmp_path / "data", engine_url="http://127.0.0.1:9", database_url="", encoder="")
    return tmp_path / "data"


def test_the_built_in_encoders_are_listed_and_the_trained_one_is_in_use(alone: Path, call: Call) -> None:
    rows = json.loads(call(model.app, "list", "--json").out)
    assert [(row["name"], row["in_use"], row["dim"]) for row in rows] == [
        ("builtin", True, 256),
        ("descriptors", False, 775),
    ]


def test_a_faulty_model_is_listed_with_its_fault_and_cannot_be_chosen(alone: Path, call: Call) -> None:
    folder = alone / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    rows = json.loads(call(model.app, "list", "--json").out)
    assert rows[2]["name"] == "broken"
    assert rows[2]["fault"]
    said = call(model.app, "use", "broken")
    assert said.code == 1
    assert json.loads(call(model.app, "list", "--json").out)[0]["in_use"] is True


@needs_shared("models/mobilenet_v2")
def test_a_model_is_shown_and_whether_it_is_in_use(alone: Path, call: Call, settings_of: Give) -> None:
    settings_of(models_dir=SHARED / "models")
    shown = json.loads(call(model.app, "show", "mobilenet_v2", "--json").out)
    assert (shown["kind"], shown["dim"], shown["in_use"]) == ("onnx", 1280, False)
    settings_of(encoder="mobilenet_v2")
    assert json.loads(call(model.app, "show", "mobilenet_v2", "--json").out)["in_use"] is True


def test_an_unknown_encoder_is_refused_with_those_there_are(alone: Path, call: Call) -> None:
    for verb in ("use", "show"):
        said = call(model.app, verb, "nope")
        assert said.code == 1
        assert "descriptors" in said.err


def test_without_engine_and_database_the_index_says_what_to_do(alone: Path, call: Call) -> None:
    said = call(index.app, "status")
    assert said.code == 1
    assert said.err.splitlines()[-1].startswith("feira: The database in")
    assert "feira migrate" in said.err


def coloured_photos(folder: Path, count: int) -> Path:
    """Write photos of two classes that differ in colour."""
    for kind, colour in {"night": (10, 10, 60), "snow": (240, 245, 250)}.items():
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (64, 64), tuple(part + number for part in colour)).save(folder / kind / f"{number}.png")
    return folder


def test_encoders_are_measured_on_folders_of_classes(alone: Path, call: Call, tmp_path: Path) -> None:
    gallery, queries = coloured_photos(tmp_path / "gallery", 12), coloured_photos(tmp_path / "queries", 3)
    said = call(evaluate.app, "similar", "--gallery", gallery, "--queries", queries, "--models", tmp_path, "--json")
    assert said.code == 0
    for row, name in zip(json.loads(said.out), ("builtin@", "descriptors-"), strict=True):
        assert row.pop("images_per_s") > 0
        assert row.pop("encoder").startswith(name)
        assert row == {"precision_at_10": 1.0, "knn10_accuracy": 1.0, "queries": 6, "gallery": 24}
    assert "of 30" in said.err


def test_a_folder_without_classes_is_refused(alone: Path, call: Call, tmp_path: Path) -> None:
    said = call(evaluate.app, "similar", "--gallery", tmp_path, "--queries", tmp_path)
    assert said.code == 1
    assert "class folders" in said.err
    assert said.out == ""


def test_a_named_encoder_that_is_not_there_is_misuse(alone: Path, call: Call, tmp_path: Path) -> None:
    photos = coloured_photos(tmp_path / "photos", 12)
    said = call(evaluate.app, "similar", "--gallery", photos, "--queries", photos, "--encoder", "nope")
    assert said.code == 2
    assert "nope" in said.err
    assert load_settings().encoder == ""
