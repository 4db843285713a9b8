"""New models out of old ones: smaller weights, PyTorch to ONNX, proof of 8-bit arithmetic, figures of one's own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feira.cli import model
from feira.core.encoders.golden import probe_images
from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.sessions import arithmetic_of
from feira.engine.registry import open_encoder
from tests.cli.conftest import Call
from tests.cli.test_model import coloured_photos
from tests.core.encoders.test_golden import quantised
from tests.core.encoders.tiny_models import dual_folder, image_folder
from tests.shared_files import SHARED, needs_shared

Give = Callable[..., None]


@pytest.fixture
def models(settings_of: Give, tmp_path: Path) -> Path:
    """The models folder of a shop of its own."""
    settings_of(data_dir=tmp_path / "data", encoder="")
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("precision", "arithmetic"), [("int8", "int8 weights"), ("fp16", "float")])
def test_smaller_weights_give_nearly_the_same_answers(
    models: Path, call: Call, precision: str, arithmetic: str
) -> None:
    source = dual_folder(models / "tiny")
    said = call(model.app, "convert", "tiny", "--precision", precision)
    assert said.code == 0
    assert "(images)" in said.err
    assert "(texts)" in said.err
    made = models / f"tiny-{precision}"
    assert arithmetic_of(made / "image.onnx") == arithmetic
    assert (made / "image.onnx").stat().st_size < 0.6 * (source / "image.onnx").stat().st_size
    manifest = read_manifest(made)
    assert manifest.name == f"tiny-dual-{precision}"
    assert manifest.golden is not None
    rows = open_encoder(f"tiny-{precision}", models_dir=models).encode_images(probe_images())
    cosines = (rows * OnnxEncoder(source).encode_images(probe_images())).sum(axis=1)
    assert cosines.min() > 0.999
    assert sorted(path.name for path in models.iterdir()) == ["tiny", f"tiny-{precision}"]


def test_what_cannot_be_converted_is_refused_and_leaves_nothing(models: Path, call: Call) -> None:
    quantised(dual_folder(models / "coarse"))
    dual_folder(models / "tiny")
    assert call(model.app, "convert", "coarse").code == 1
    assert call(model.app, "convert", "tiny", "--precision", "int4").code == 2
    assert call(model.app, "convert", "tiny", "--as", "coarse").code == 1
    assert call(model.app, "convert", "tiny", "--as", "../out").code == 2
    assert call(model.app, "convert", "nothing").code == 2
    assert sorted(path.name for path in models.iterdir()) == ["coarse", "tiny"]


@needs_shared("models/mobilenet_v2")
def test_a_model_with_8_bit_weights_is_not_rounded_again(models: Path, call: Call) -> None:
    (models / "mobilenet").symlink_to(SHARED / "models" / "mobilenet_v2")
    assert "float32" in call(model.app, "convert", "mobilenet").err


def test_8_bit_arithmetic_is_proved_against_its_twin(models: Path, call: Call) -> None:
    dual_folder(models / "tiny")
    quantised(dual_folder(models / "coarse"))
    quantised(dual_folder(models / "wrong"), spoil=4.0)
    assert call(model.app, "prove", "tiny", "--against", "coarse").code == 1
    said = call(model.app, "prove", "wrong", "--against", "tiny")
    assert said.code == 1
    assert "on this processor" in said.err
    said = call(model.app, "prove", "coarse", "--against", "tiny")
    assert said.code == 0
    assert "least cosine to tiny 0.9" in said.err
    assert open_encoder("coarse", models_dir=models).dim == 24


def test_a_pytorch_model_is_exported_and_gives_the_same_answers(models: Path, call: Call) -> None:
    pytest.importorskip("torch", reason="needs the extra feira[torch]")
    from tests.core.encoders.test_torch_file import torch_folder  # noqa: PLC0415

    for kind in ("pt2", "pt"):
        torch_folder(models / kind, kind)
        said = call(model.app, "export", kind)
        assert said.code == 0, said.err
        exported = open_encoder(f"{kind}-onnx", models_dir=models)
        assert isinstance(exported, OnnxEncoder)
        theirs = open_encoder(kind, models_dir=models).encode_images(probe_images())
        assert (exported.encode_images(probe_images()) * theirs).sum(axis=1).min() > 0.9999
        assert exported.manifest.licence == "Apache-2.0"


def test_only_pytorch_models_are_exported(models: Path, call: Call) -> None:
    image_folder(models / "tiny")
    assert "no PyTorch model" in call(model.app, "export", "tiny").err
    assert call(model.app, "export", "tiny", "--to", "tflite").code == 2
    said = call(model.app, "export", "timm:resnet18")
    assert said.code == 2
    assert "timm" in said.err


def test_figures_are_measured_and_kept_beside_the_model(models: Path, call: Call, tmp_path: Path) -> None:
    folder = dual_folder(models / "tiny")
    before = (folder / "model.json").read_bytes()
    gallery, queries = coloured_photos(tmp_path / "gallery", 12), coloured_photos(tmp_path / "queries", 3)
    said = call(model.app, "evaluate", "tiny", "--gallery", gallery, "--queries", queries, "--json")
    assert said.code == 0
    entry = json.loads(said.out)
    assert entry["precision_at_10"] == entry["knn10_accuracy"] == 1.0
    assert 0 <= entry["words_precision_at_10"] <= 1
    assert (entry["queries"], entry["gallery"], entry["gallery_folder"]) == (6, 24, "gallery")
    shown = json.loads(call(model.app, "show", "tiny", "--json").out)
    assert shown["measured"] == [entry]
    assert "measured: precision at 10" in call(model.app, "show", "tiny").out
    assert (folder / "model.json").read_bytes() == before
    # An encoder without words has no figure for them.
    call(model.app, "evaluate", "descriptors", "--gallery", gallery, "--queries", queries)
    built_in = json.loads(call(model.app, "show", "descriptors", "--json").out)["measured"]
    assert np.isfinite(built_in[0]["precision_at_10"])
    assert "words_precision_at_10" not in built_in[0]


def test_damaged_figures_are_said_and_not_overwritten(models: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "data" / "measured.json").write_text("[]")
    assert call(model.app, "show", "descriptors").code == 2
    assert (tmp_path / "data" / "measured.json").read_text() == "[]"
