"""A model that calculates in 8 bits proves itself on the processor that serves it, or is not served."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from feira.core.encoders import golden
from feira.core.encoders.dual import DualEncoder
from feira.core.encoders.manifest import Golden
from feira.core.encoders.sessions import arithmetic_of
from feira.core.errors import ManifestError
from feira.engine.hub.pull import prove
from feira.engine.registry import list_models, open_encoder
from tests.core.encoders.tiny_models import Facts, dual_facts, dual_folder, image_folder, write_folder
from tests.shared_files import SHARED, needs_shared


def quantised(folder: Path, *, spoil: float = 1.0) -> Path:
    """Round weights and activations of a folder's image side to 8 bits; `spoil` makes the scales of weights wrong."""
    path = folder / "image.onnx"
    quantize_dynamic(path, path, weight_type=QuantType.QUInt8)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("_scale") and spoil != 1.0:
            values = numpy_helper.to_array(tensor)
            noise = np.random.default_rng(0).uniform(1 / spoil, spoil, values.shape)
            tensor.CopyFrom(numpy_helper.from_array((values * noise).astype(np.float32), tensor.name))
        if tensor.name.endswith("_zero_point") and spoil != 1.0:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(tensor), 190), tensor.name))
    onnx.save(model, path)
    facts: Facts = dual_facts()
    facts["name"] = "tiny-int8"
    return write_folder(folder, facts)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A float32 model, one in 8 bits, and one whose 8 bits are wrong."""
    dual_folder(tmp_path / "float")
    quantised(dual_folder(tmp_path / "int8"))
    quantised(dual_folder(tmp_path / "wrong"), spoil=4.0)
    return tmp_path


def test_what_a_file_calculates_in_is_told_by_its_operators(models: Path) -> None:
    assert arithmetic_of(models / "float" / "image.onnx") == "float"
    assert arithmetic_of(models / "int8" / "image.onnx") == "int8"
    assert {card.name: card.arithmetic for card in list_models(models)}["int8"] == "int8"


@needs_shared("models/minilm")
def test_weights_in_8_bits_are_not_taken_for_arithmetic_in_8_bits() -> None:
    for name in ("mobilenet_v2", "minilm"):
        assert arithmetic_of(SHARED / "models" / name / "model.onnx") == "int8 weights"


def test_a_model_in_8_bits_without_golden_answers_is_not_opened(models: Path) -> None:
    with pytest.raises(ManifestError, match="feira model prove int8"):
        open_encoder("int8", models_dir=models)
    assert open_encoder("float", models_dir=models).dim == 24


def test_compared_with_its_twin_it_is_opened_and_compared_again_each_time(models: Path) -> None:
    least = prove(models / "int8", models / "float")
    assert least["texts"] == pytest.approx(1, abs=1e-6)
    assert 0.95 < least["images"] < 1
    assert open_encoder("int8", models_dir=models).encoder_id.startswith("tiny-int8@")

    # On another processor the same file may answer otherwise; here the kept answers are made to differ.
    facts = json.loads((models / "int8" / "model.json").read_text())
    kept = dict(np.load(models / "int8" / "golden.npz"))
    kept["images"] = -kept["images"]
    np.savez(models / "int8" / "golden.npz", allow_pickle=False, **kept)
    del facts["files"]
    write_folder(models / "int8", facts)
    with pytest.raises(ManifestError, match="answers differently on this processor") as caught:
        open_encoder("int8", models_dir=models)
    assert caught.value.facts["side"] == "images"


def test_a_model_whose_answers_are_wrong_is_not_accepted(models: Path) -> None:
    with pytest.raises(ManifestError, match="answers differently on this processor"):
        prove(models / "wrong", models / "float")
    assert not (models / "wrong" / "golden.npz").exists()
    with pytest.raises(ManifestError, match="no golden answers"):
        open_encoder("wrong", models_dir=models)


def test_another_model_is_no_twin(models: Path) -> None:
    image_folder(models / "eye")
    with pytest.raises(ManifestError, match="differ in shape or are missing"):
        prove(models / "int8", models / "eye")


def test_kept_answers_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    encoder = DualEncoder(dual_folder(tmp_path / "float"))
    for content in (b"", b"PK\x03\x04 not a zip"):
        (tmp_path / "golden.npz").write_bytes(content)
        with pytest.raises(ManifestError, match="holds no golden answers"):
            golden.check_golden(encoder, Golden(file=tmp_path / "golden.npz", floor=0.9))


def test_the_probes_are_the_same_everywhere_and_differ_from_each_other() -> None:
    pictures = golden.probe_images()
    # Sums of pixels, worked out once: another number here makes every kept answer wrong.
    assert [int(picture.sum()) for picture in pictures[:3]] == [33_680_473, 31_741_268, 29_734_835]
    assert len({picture.shape for picture in pictures}) > 4
    assert all(picture.std() > 20 for picture in pictures)
