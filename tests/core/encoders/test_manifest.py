"""A manifest is believed only where it makes sense and its files are the ones it speaks of."""

from typing import Any

import pytest

from feira.core.encoders.manifest import read_manifest
from feira.core.errors import ManifestError
from tests.core.encoders.conftest import Change, Facts, WriteModel
from tests.shared_files import SHARED, needs_shared


def test_a_sound_manifest_is_read(model_folder: WriteModel) -> None:
    def change(facts: Facts) -> None:
        facts["onnxruntime_session_config"] = {"a": "1", "b": "1"}
        facts["files"]["model.onnx"]["onnxruntime_session_config"] = {"b": "2"}

    manifest = read_manifest(model_folder(change=change))
    side = manifest.image
    assert side is not None
    assert (manifest.name, manifest.dim, manifest.licence) == ("tiny", 1280, "Apache-2.0")
    assert (side.pixels.size, side.pixels.shorter_side, manifest.runtime, manifest.text) == (224, 224, "onnx", None)
    assert (side.pixels.mean, side.pixels.std) == ((127.5, 127.5, 127.5), (127.5, 120.0, 127.5))
    assert side.settings == {"a": "1", "b": "2"}
    assert manifest.encoder_id == f"tiny@{manifest.checksums['model.onnx'][:8]}"


@needs_shared("models/mobilenet_v2")
def test_the_manifest_of_the_default_model_is_read() -> None:
    manifest = read_manifest(SHARED / "models" / "mobilenet_v2")
    side = manifest.image
    assert side is not None
    assert side.head is not None
    assert (side.dim, side.pixels.size, side.input_name) == (1280, 224, "input")
    assert side.settings == {"session.disable_quant_qdq": "1"}
    assert (side.head.classes, side.head.labels[0], side.head.labels[505]) == (1001, "background", "coffee mug")
    assert (manifest.encoder_id, manifest.text) == ("mobilenet_v2_1.0_224@d9cb3c82", None)


@needs_shared("models/minilm")
def test_a_model_of_texts_alone_is_read() -> None:
    manifest = read_manifest(SHARED / "models" / "minilm")
    side = manifest.text
    assert side is not None
    assert manifest.image is None
    assert (side.ids_name, side.mask_name, side.types_name) == ("input_ids", "attention_mask", "")
    assert (side.output_name, side.dim, side.max_tokens, side.padding) == ("sentence_embedding", 384, 256, "longest")
    assert manifest.encoder_id == "all-MiniLM-L6-v2@bdccdf2a"


@pytest.mark.parametrize(
    "change",
    [
        {"resize": "area"},
        {"crop": "pad with white"},
        {"crop_share": 0.875},
        {"colour_order": "BGR"},
        {"layout": "NHWC", "shape": ["batch", 224, 224, 3]},
    ],
)
def test_another_preparation_is_another_encoder(model_folder: WriteModel, change: Facts) -> None:
    manifest = read_manifest(model_folder(change=lambda facts: facts["input"].update(change)))
    mark, _, recipe = manifest.encoder_id.partition("-")
    assert mark == f"tiny@{manifest.checksums['model.onnx'][:8]}"
    assert len(recipe) == 4


def remove(*path: str) -> Change:
    def change(facts: Facts) -> None:
        for key in path[:-1]:
            facts = facts[key]
        del facts[path[-1]]

    return change


def put(*path_and_value: Any) -> Change:
    *path, value = path_and_value

    def change(facts: Facts) -> None:
        for key in path[:-1]:
            facts = facts[key]
        facts[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove("name"), "name"),
        (put("name", 7), "name"),
        (remove("files"), "files"),
        (remove("files", "model.onnx", "sha256"), "sha256"),
        (put("files", "model.onnx", "sha256", "0" * 64), "SHA-256"),
        (put("files", "../model.onnx", {"sha256": "0" * 64}), "leaves the model folder"),
        (put("files", "labels.txt", {"sha256": "0" * 64}), "labels.txt"),
        (put("files", "model.onnx", "onnxruntime_session_config", {"a": 1}), "onnxruntime_session_config"),
        (remove("input"), "input"),
        (put("input", []), "input"),
        (put("input", "layout", "HWCN"), "HWCN"),
        (put("input", "layout", "NHWC"), 'expected ["batch", size, size, 3]'),
        (put("input", "dtype", "uint8"), "uint8 has no `mean`"),
        (put("input", "dtype", "int8"), "int8"),
        (put("input", "colour_order", "GBR"), "GBR"),
        (put("input", "resize", "sinc"), "sinc"),
        (put("input", "crop", "padded"), "padded"),
        (put("input", "crop_share", 0), "crop_share"),
        (put("input", "pad_colour", [0, 0, 256]), "pad_colour"),
        (put("input", "file", "other.onnx"), "other.onnx"),
        (put("files", "model.onnx", "sha256", "ABC"), "hexadecimal"),
        (put("golden", {"file": "golden.npz"}), "golden.npz"),
        (put("outputs", "embedding", "pool", "max"), "max"),
        (put("outputs", "logits", {"shape": ["batch", 0]}), "number of classes"),
        (put("outputs", "logits", {"shape": ["batch", 9], "labels": "names.txt"}), "names.txt"),
        (put("input", "shape", ["batch", 3, 224]), "shape"),
        (put("input", "shape", ["batch", 3, 224, 192]), "192"),
        (put("input", "shape", ["batch", 3, 0, 0]), "shape"),
        (put("input", "shape", ["batch", 3, "h", "h"]), "shape"),
        (put("input", "mean", [0.5, 0.5]), "mean"),
        (put("input", "std", [1, 0, 1]), "std"),
        (put("input", "std", [1, "a", 1]), "std"),
        (remove("outputs", "embedding"), "outputs"),
        (put("outputs", "embedding", "shape", ["batch", -1]), "-1"),
        (put("licence", 3), "licence"),
    ],
)
def test_a_wrong_entry_is_named(model_folder: WriteModel, change: Change, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(model_folder(change=change))
    assert said in caught.value.message


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_missing_or_unreadable_manifest_is_refused(model_folder: WriteModel, content: bytes | None) -> None:
    folder = model_folder()
    if content is None:
        (folder / "model.json").unlink()
    else:
        (folder / "model.json").write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        read_manifest(folder)
    assert "model.json" in caught.value.message


def test_a_missing_file_is_named(model_folder: WriteModel) -> None:
    folder = model_folder()
    (folder / "model.onnx").unlink()
    with pytest.raises(ManifestError) as caught:
        read_manifest(folder)
    assert "model.onnx" in caught.value.message


def test_a_folder_without_onnx_weights_is_refused(model_folder: WriteModel) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(model_folder(change=put("files", {"model.json": {"sha256": "0" * 64}})))
    assert caught.value.code == "manifest_error"
