"""Where a model's own classifier says that its classes lie, read out of the ONNX file."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from feira.core.encoders.classifier import directions_of
from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.onnx_graph import classifier_alone
from feira.core.encoders.sides import ImageSide
from tests.core.encoders import tiny_models
from tests.shared_files import SHARED, needs_shared


def side_of(folder: Path) -> ImageSide:
    side = read_manifest(folder).image
    assert side is not None
    return side


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_the_rows_are_the_weights_of_the_classifier(tmp_path: Path, half: bool) -> None:
    def said(facts: dict[str, Any]) -> None:
        facts["input"]["dtype"] = "float16" if half else "float32"

    folder = tiny_models.image_folder(tmp_path / "eye", change=said, half=half)
    directions = directions_of(side_of(folder))
    assert directions is not None
    assert directions.names == ("cap", "boot", "dress", "chair", "other")
    stored = {one.name: one for one in onnx.load(str(folder / "model.onnx")).graph.initializer}
    weights = numpy_helper.to_array(stored["classes"]).T.astype(np.float32)
    weights -= weights.mean(axis=0)
    expected = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    np.testing.assert_allclose(directions.rows, expected, atol=2e-2 if half else 1e-5)


def test_every_way_to_call_a_class_is_a_name_of_it_and_the_background_is_none(tmp_path: Path) -> None:
    folder = tiny_models.image_folder(tmp_path / "eye")
    (folder / "labels.txt").write_text("background\nboot, gumboot\ndress\nchair\nother")
    tiny_models.write_folder(folder, tiny_facts())
    directions = directions_of(side_of(folder))
    assert directions is not None
    assert directions.names == ("boot", "gumboot", "dress", "chair", "other")
    np.testing.assert_array_equal(directions.rows[0], directions.rows[1])


def tiny_facts() -> dict[str, Any]:
    facts = tiny_models.dual_facts()
    del facts["text"], facts["input"]["file"]
    facts["outputs"]["logits"] = {"shape": ["batch", tiny_models.CLASSES]}
    return facts


def model(path: Path, *head: onnx.NodeProto, extra: dict[str, Any] | None = None) -> None:
    """Write an encoder whose classifier is as given: values `embedding` in, `logits` out."""
    tensors = {
        "mixing": np.random.default_rng(0).normal(0, 1, (3, tiny_models.DIM)).astype(np.float32),
        "classes": np.random.default_rng(1).normal(0, 1, (tiny_models.DIM, tiny_models.CLASSES)).astype(np.float32),
        **(extra or {}),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["colour"]),
        helper.make_node("Flatten", ["colour"], ["flat"]),
        helper.make_node("MatMul", ["flat", "mixing"], ["embedding"]),
        *head,
    ]
    graph = helper.make_graph(
        nodes,
        "eye",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 32, 32])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", tiny_models.DIM]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", tiny_models.CLASSES]),
        ],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    tiny_models.write(graph, path)


HEADS = {
    "not linear": [
        helper.make_node("MatMul", ["embedding", "classes"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["logits"]),
    ],
    "beside the embedding": [helper.make_node("MatMul", ["flat", "other"], ["logits"])],
    "the embedding and more": [
        helper.make_node("MatMul", ["embedding", "classes"], ["scores"]),
        helper.make_node("MatMul", ["flat", "other"], ["more"]),
        helper.make_node("Add", ["scores", "more"], ["logits"]),
    ],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_classifier_of_another_make_has_no_directions(tmp_path: Path, head: list[onnx.NodeProto]) -> None:
    folder = tmp_path / "eye"
    folder.mkdir()
    model(folder / "model.onnx", *head, extra={"other": np.ones((3, tiny_models.CLASSES), np.float32)})
    (folder / "labels.txt").write_text("cap\nboot\ndress\nchair\nother")
    tiny_models.write_folder(folder, tiny_facts())
    assert directions_of(side_of(folder)) is None


def test_without_names_or_classes_there_are_no_directions(tmp_path: Path) -> None:
    folder = tiny_models.dual_folder(tmp_path / "dual")
    assert directions_of(side_of(folder)) is None


@pytest.mark.parametrize("content", [b"", b"\xff" * 30, b"\x3a\xff\x01nothing", b"not a model at all"])
def test_bytes_that_are_no_model_have_no_classifier(content: bytes) -> None:
    assert classifier_alone(content, embedding="embedding", logits="logits") is None


def test_a_file_cut_off_anywhere_has_no_classifier_or_the_whole_one(tmp_path: Path) -> None:
    whole = (tiny_models.image_folder(tmp_path / "eye") / "model.onnx").read_bytes()
    expected = classifier_alone(whole, embedding="embedding", logits="logits")
    assert expected is not None
    assert all(classifier_alone(whole[:size], embedding="embedding", logits="logits") is None for size in range(900))


@needs_shared("models/mobilenet_v2")
def test_the_classes_of_a_real_model_are_read_exactly() -> None:
    encoder = OnnxEncoder(SHARED / "models" / "mobilenet_v2")
    directions = directions_of(side_of(SHARED / "models" / "mobilenet_v2"))
    assert directions is not None
    assert {"goldfish", "Carassius auratus", "jersey"} <= set(directions.names)
    photos = [np.random.default_rng(seed).integers(0, 255, (224, 224, 3), dtype=np.uint8) for seed in range(3)]
    logits = encoder.classify_images(photos)
    places = {name: place for place, label in enumerate(encoder.labels) for name in map(str.strip, label.split(","))}
    scores = encoder.encode_images(photos) @ directions.rows.T
    # Embeddings are shortened and the common part taken out, so that classes compare alike but are not equal.
    for found, expected in zip(scores, logits[:, [places[name] for name in directions.names]], strict=True):
        assert np.corrcoef(found, expected)[0, 1] > 0.95
