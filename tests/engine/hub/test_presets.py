"""Models known by name, and repositories that other tools wrote: their manifest is worked out and their model tried."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.pixels import RESAMPLING
from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.testing.photos import photo_pixels
from feira.engine.hub import plan as plans
from feira.engine.hub.errors import PullFailed
from feira.engine.hub.foreign import derive, image_facts, text_facts
from feira.engine.hub.presets import Preset, PresetFile, presets
from feira.engine.registry import list_models, open_encoder
from tests.core.encoders.tiny_models import DIM, SIDE
from tests.engine.hub.conftest import Puller
from tests.engine.hub.server import Hub

HEX40, HEX64 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")


def test_the_models_that_were_promised_are_there() -> None:
    assert list(presets()) == [
        "all-minilm-l6-v2",
        "dinov2-small",
        "marqo-fashion-siglip",
        "mobileclip-s0",
        "openclip-vit-b-32",
        "resnet-50",
        "siglip2-base",
    ]


@pytest.mark.parametrize("preset", presets().values(), ids=lambda preset: preset.name)
def test_a_preset_says_everything_that_its_files_cannot(preset: Preset) -> None:
    assert preset.licence
    assert preset.licence_url.startswith("https://")
    assert preset.revision == "" or HEX40.fullmatch(preset.revision)
    files = [*preset.files.values(), *(file for other in preset.variants.values() for file in other.values())]
    assert all(file.sha256 == "" or HEX64.fullmatch(file.sha256) for file in files)
    assert set().union(*preset.variants.values()) <= set(preset.files)
    pixels, text = preset.manifest.get("input"), preset.manifest.get("text")
    assert pixels or text
    if pixels:
        assert pixels.get("file", "model.onnx") in preset.files
        assert pixels["resize"] in RESAMPLING
        assert pixels["shape"][2] == pixels["shape"][3]
        assert len(pixels["mean"]) == len(pixels["std"]) == 3
    if text:
        assert text.get("file", "model.onnx") in preset.files
        assert "tokenizer.json" in preset.files


def tiny_preset(name: str = "tiny-clip", **said: Any) -> Preset:
    """A preset of the test's own hub."""
    pixels = {
        "file": "image.onnx",
        "layout": "NCHW",
        "dtype": "float32",
        "colour_order": "RGB",
        "shape": ["batch", 3, SIDE, SIDE],
        "mean": [0, 0, 0],
        "std": [255, 255, 255],
        "resize": "bicubic",
        "crop": "squash",
    }
    facts: dict[str, Any] = {
        "name": name,
        "title": "A test's",
        "licence": "MIT",
        "licence_url": "https://example.org/licence",
        "repository": "maker/clip",
        "revision": "",
        "files": {
            "image.onnx": PresetFile(path="onnx/vision_model.onnx"),
            "text.onnx": PresetFile(path="onnx/text_model.onnx"),
            "tokenizer.json": PresetFile(path="tokenizer.json"),
        },
        "manifest": {"input": pixels, "text": {"file": "text.onnx", "max_tokens": 16, "padding": "max"}},
    }
    return Preset(**{**facts, **said})


PREPROCESSOR = {
    "do_resize": True,
    "size": {"shortest_edge": 40},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.25, 0.5],
}
TOKENIZER = {"tokenizer_class": "CLIPTokenizer", "pad_token": {"content": "[PAD]"}, "model_max_length": 77}


@pytest.fixture
def foreign(hub: Hub, tiny_files: dict[str, bytes]) -> str:
    """The commit of `maker/clip`, laid out as other tools do."""
    return hub.add(
        "maker/clip",
        {
            "onnx/vision_model.onnx": tiny_files["image.onnx"],
            "onnx/text_model.onnx": tiny_files["text.onnx"],
            "tokenizer.json": tiny_files["tokenizer.json"],
            "preprocessor_config.json": json.dumps(PREPROCESSOR).encode(),
            "tokenizer_config.json": json.dumps(TOKENIZER).encode(),
        },
        licence="mit",
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the test's presets known."""
    pinned = tiny_preset("tiny-pinned", revision="2" * 40)
    wrong = tiny_preset("tiny-wrong", files={"image.onnx": PresetFile(path="onnx/vision_model.onnx", sha256="0" * 64)})
    table = {preset.name: preset for preset in (tiny_preset(), pinned, wrong)}
    monkeypatch.setattr(plans, "presets", lambda: table)


def test_a_preset_is_pulled_by_name(hub: Hub, foreign: str, known: None, puller: Puller) -> None:
    plan = puller.plan("tiny-clip")
    assert (plan.licence, plan.licence_url, plan.is_pinned) == ("MIT", "https://example.org/licence", False)
    folder = puller.pull("tiny-clip")
    manifest = read_manifest(folder)
    assert manifest.image is not None
    assert manifest.text is not None
    # Names and lengths were found in the files.
    assert (manifest.image.input_name, manifest.image.output_name, manifest.image.dim) == ("pixels", "embedding", DIM)
    assert (manifest.text.ids_name, manifest.text.mask_name, manifest.text.dim) == ("input_ids", "attention_mask", DIM)
    assert (manifest.name, manifest.licence) == ("tiny-clip", "MIT")
    assert "maker/clip" in manifest.source
    encoder = open_encoder("tiny-clip", models_dir=puller.models_dir)
    assert isinstance(encoder, TextEncoder)
    assert encoder.encode_texts(["dress"]).shape == encoder.encode_images([photo_pixels()]).shape
    # Trust on first use: the commit is not in the preset, and is kept.
    assert puller.lock()["tiny-clip"]["revision"] == foreign


def test_a_preset_asks_for_its_own_commit_and_no_other(hub: Hub, foreign: str, known: None, puller: Puller) -> None:
    with pytest.raises(PullFailed, match="not there"):
        puller.pull("tiny-pinned")
    assert hub.requests[-1].path.startswith(f"/api/models/maker/clip/revision/{'2' * 40}")


def test_a_hub_that_lists_other_bytes_than_are_known_is_not_trusted(
    hub: Hub, foreign: str, known: None, puller: Puller
) -> None:
    with pytest.raises(PullFailed, match=r"known is 0000"):
        puller.pull("tiny-wrong")
    assert puller.folders() == []


def test_a_repository_of_other_tools_needs_no_manifest_of_ours(hub: Hub, foreign: str, puller: Puller) -> None:
    folder = puller.pull(f"hub:maker/clip@{foreign}")
    manifest = read_manifest(folder)
    assert manifest.image is not None
    assert manifest.text is not None
    pixels = manifest.image.pixels
    assert (pixels.size, pixels.crop, pixels.crop_share, pixels.shorter_side) == (SIDE, "centre square", 0.8, 40)
    assert (pixels.mean, pixels.std, pixels.resize) == ((127.5,) * 3, (127.5, 63.75, 127.5), "bicubic")
    assert (manifest.text.max_tokens, manifest.text.padding, manifest.text.pad_id) == (77, "max", 0)
    assert (manifest.licence, [card.kind for card in list_models(puller.models_dir)][2:]) == ("mit", ["dual"])
    rows = open_encoder("clip", models_dir=puller.models_dir).encode_images([photo_pixels(), photo_pixels((0, 9, 200))])
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-5


def test_a_model_of_texts_alone_is_pulled_and_reads(hub: Hub, puller: Puller, tiny_files: dict[str, bytes]) -> None:
    hub.add("maker/words", {"onnx/model.onnx": tiny_files["text.onnx"], "tokenizer.json": tiny_files["tokenizer.json"]})
    manifest = read_manifest(puller.pull("hub:maker/words"))
    assert (manifest.image, manifest.dim) == (None, DIM)
    assert [card.kind for card in list_models(puller.models_dir)][2:] == ["text"]


def test_a_model_of_pictures_alone_is_pulled_and_sees(hub: Hub, puller: Puller, tiny_files: dict[str, bytes]) -> None:
    facts = {**PREPROCESSOR, "do_center_crop": False, "size": SIDE, "crop_pct": 0.9}
    files = {"onnx/model.onnx": tiny_files["image.onnx"], "preprocessor_config.json": json.dumps(facts).encode()}
    hub.add("maker/eye", files)
    puller.pull("hub:maker/eye")
    encoder = open_encoder("eye", models_dir=puller.models_dir)
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, TextEncoder)
    assert encoder.input_size == 36


@pytest.mark.parametrize(
    "paths",
    [["README.md"], ["onnx/vision_model.onnx"], ["onnx/model.onnx"], ["model.safetensors", "preprocessor_config.json"]],
)
def test_a_repository_without_a_layout_that_we_know_is_refused(hub: Hub, puller: Puller, paths: list[str]) -> None:
    hub.add("maker/other", dict.fromkeys(paths, b"{}"))
    with pytest.raises(PullFailed, match=r"model\.json"):
        puller.pull("hub:maker/other")


@pytest.mark.parametrize(
    "change",
    [
        {"size": {"shortest_edge": 40}, "do_center_crop": False},
        {"crop_size": {"height": 32, "width": 24}, "size": {}},
        {"crop_size": 64},
        {"image_mean": [0.5]},
        {"resample": 9},
        {"size": {"longest_edge": 40}, "do_center_crop": False},
    ],
)
def test_what_is_left_open_is_refused_and_not_guessed(change: dict[str, Any]) -> None:
    with pytest.raises(PullFailed, match=r"preprocessor_config\.json"):
        image_facts({**PREPROCESSOR, **change})


def test_weights_beside_a_model_keep_the_name_that_the_model_knows() -> None:
    paths = ["onnx/model.onnx", "onnx/model.onnx_data", "preprocessor_config.json"]
    files, facts = derive(paths, lambda _path: PREPROCESSOR)
    assert files == {"model.onnx": "onnx/model.onnx", "model.onnx_data": "onnx/model.onnx_data"}
    assert facts["input"]["file"] == "model.onnx"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Siglip2Tokenizer", (64, "max", "lower")),
        ("SiglipTokenizer", (64, "max", "canonical")),
        ("CLIPTokenizer", (77, "max", "none")),
        ("BertTokenizer", (256, "longest", "none")),
    ],
)
def test_how_texts_are_cut_and_padded_follows_the_kind_of_tokenizer(kind: str, expected: tuple[int, str, str]) -> None:
    facts = text_facts({"tokenizer_class": kind, "model_max_length": 256})
    assert (facts["max_tokens"], facts["padding"], facts["clean"]) == expected


def in_8_bits(content: bytes, folder: Path, *, wrong: bool = False) -> bytes:
    """Return an ONNX file with weights and activations rounded to 8 bits; wrong ones answer nonsense."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    quantize_dynamic(path, path, weight_type=QuantType.QUInt8)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if wrong and tensor.name.endswith("_zero_point"):
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(tensor), 145), tensor.name))
    return bytes(model.SerializeToString())


@pytest.fixture
def coarse(hub: Hub, foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset with a file in 8 bits."""
    variants = {"int8": {"image.onnx": PresetFile(path="onnx/vision_model_quantized.onnx")}}
    monkeypatch.setattr(plans, "presets", lambda: {"tiny-clip": tiny_preset(variants=variants)})


def test_a_model_in_8_bits_is_compared_with_float32_and_keeps_the_answers(
    hub: Hub, coarse: None, puller: Puller, tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    files = dict(hub.repositories["maker/clip"]["main"])
    hub.add("maker/clip", {**files, "onnx/vision_model_quantized.onnx": in_8_bits(tiny_files["image.onnx"], tmp_path)})
    folder = puller.pull("tiny-clip", precision="int8")
    assert folder.name == "tiny-clip-int8"
    assert sorted(path.name for path in folder.iterdir()) == [
        "golden.npz",
        "image.onnx",
        "model.json",
        "text.onnx",
        "tokenizer.json",
    ]
    cards = {card.name: card.arithmetic for card in list_models(puller.models_dir)}
    assert cards["tiny-clip-int8"] == "int8"
    assert open_encoder("tiny-clip-int8", models_dir=puller.models_dir).dim == DIM
    # Both precisions lie side by side, each remembered.
    puller.pull("tiny-clip")
    assert sorted(puller.lock()) == ["tiny-clip", "tiny-clip-int8"]


def test_a_model_whose_8_bits_are_wrong_here_is_refused(
    hub: Hub, coarse: None, puller: Puller, tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    files = dict(hub.repositories["maker/clip"]["main"])
    wrong = in_8_bits(tiny_files["image.onnx"], tmp_path, wrong=True)
    hub.add("maker/clip", {**files, "onnx/vision_model_quantized.onnx": wrong})
    with pytest.raises(PullFailed, match="answers differently on this processor"):
        puller.pull("tiny-clip", precision="int8")
    assert [card.name for card in list_models(puller.models_dir)] == ["builtin", "descriptors"]


def test_a_model_in_8_bits_from_anywhere_else_must_bring_its_golden_answers(
    hub: Hub, foreign: str, puller: Puller, tiny_files: dict[str, bytes], tmp_path: Path
) -> None:
    files = dict(hub.repositories["maker/clip"]["main"])
    hub.add("maker/clip", {**files, "onnx/vision_model.onnx": in_8_bits(tiny_files["image.onnx"], tmp_path)})
    with pytest.raises(PullFailed, match="brings no golden answers"):
        puller.pull("hub:maker/clip")


def test_a_precision_that_is_not_offered_is_refused(hub: Hub, coarse: None, puller: Puller) -> None:
    with pytest.raises(PullFailed, match="comes in fp32, int8, not in fp16"):
        puller.pull("tiny-clip", precision="fp16")
    with pytest.raises(PullFailed, match="Only presets come in int8"):
        puller.pull("hub:maker/clip", precision="int8")
