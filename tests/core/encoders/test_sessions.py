"""How ONNX files are opened: fixed batches, half precision, other axes, and memory that does not grow."""

from pathlib import Path

import numpy as np
import pytest

from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.encoders.sessions import arithmetic_of, open_session, providers_for
from feira.core.encoders.sides import pooled
from feira.core.errors import ManifestError
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.photos import photo_pixels
from tests.core.encoders.tiny_models import CLASSES, DIM, SIDE, Facts, image_folder
from tests.shared_files import SHARED, needs_shared


def nhwc(facts: Facts) -> None:
    facts["input"].update(layout="NHWC", shape=["batch", SIDE, SIDE, 3], colour_order="BGR", crop="pad with grey")


def half(facts: Facts) -> None:
    facts["input"]["dtype"] = "float16"


# One manifest each that the first ones could not have said.
KINDS = {
    "nhwc": {"change": nhwc, "nhwc": True},
    "one at a time": {"batch": 1},
    "half": {"change": half, "half": True},
}


class TestOtherOnnxEncoders(EncoderConformance):
    @pytest.fixture(scope="session", params=list(KINDS))
    @staticmethod
    def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
        folder = tmp_path_factory.mktemp("kinds") / request.param.replace(" ", "-")
        return OnnxEncoder(image_folder(folder, **KINDS[request.param]))  # type: ignore[arg-type]

    @pytest.fixture
    def encoder(self, opened: Encoder) -> Encoder:
        return opened


def test_axes_and_colours_are_given_as_the_model_takes_them(tmp_path: Path) -> None:
    photo = photo_pixels((200, 30, 90), (SIDE, SIDE), "dots")
    first = OnnxEncoder(image_folder(tmp_path / "first"))

    def change(facts: Facts) -> None:
        nhwc(facts)
        facts["input"].update(colour_order="RGB", crop="squash")

    other = OnnxEncoder(image_folder(tmp_path / "other", change=change, nhwc=True))
    assert np.abs(first.encode_images([photo]) - other.encode_images([photo])).max() < 1e-5


def test_a_classifier_answers_with_its_labels(tmp_path: Path) -> None:
    encoder = OnnxEncoder(image_folder(tmp_path / "eye"))
    logits = encoder.classify_images([photo_pixels(), photo_pixels((0, 0, 200))])
    assert encoder.labels == ("cap", "boot", "dress", "chair", "other")
    assert logits.shape == (2, CLASSES)
    assert logits.dtype == np.float32
    assert encoder.classify_images([]).shape == (0, CLASSES)
    plain = OnnxEncoder(image_folder(tmp_path / "plain", change=lambda facts: facts["outputs"].pop("logits")))
    assert plain.labels == ()
    with pytest.raises(ManifestError, match="cannot tell classes"):
        plain.classify_images([photo_pixels()])


def test_a_feature_map_is_pooled(tmp_path: Path) -> None:
    def change(facts: Facts) -> None:
        facts["outputs"]["embedding"] = {"name": "small", "shape": ["batch", 16, 4, 4], "pool": "spatial"}

    encoder = OnnxEncoder(image_folder(tmp_path / "maps", change=change))
    assert (encoder.dim, encoder.encode_images([photo_pixels()]).shape) == (16, (1, 16))


@pytest.mark.parametrize(
    ("of_model", "said"), [({"batch": 4}, "takes 4 photos at once"), ({"half": True}, r"takes tensor\(float16\)")]
)
def test_a_file_that_takes_something_else_is_refused(tmp_path: Path, of_model: dict[str, object], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        OnnxEncoder(image_folder(tmp_path / "eye", **of_model))  # type: ignore[arg-type]


def test_rows_of_tokens_are_pooled_without_padding() -> None:
    answer = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    assert pooled(answer, "last", mask).tolist() == [answer[0, 1].tolist(), answer[1, 2].tolist()]
    assert pooled(answer, "mean", mask)[0].tolist() == answer[0, :2].mean(axis=0).tolist()
    assert pooled(answer, "first").tolist() == answer[:, 0].tolist()
    assert pooled(np.zeros((5, DIM, 1, 1)), "none").shape == (5, DIM)


@needs_shared("models/mobilenet_v2")
def test_8_bit_weights_are_run_at_full_speed_without_being_told(tmp_path: Path) -> None:
    weights = SHARED / "models" / "mobilenet_v2" / "model.onnx"
    assert arithmetic_of(weights) == "int8 weights"
    told = open_session(weights, settings={"session.disable_quant_qdq": "1"}, device="cpu")
    untold = open_session(weights, device="cpu")
    for session in (told, untold):
        assert session.get_session_options().get_session_config_entry("session.disable_quant_qdq") == "1"
    assert providers_for("cpu") == ["CPUExecutionProvider"]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        arithmetic_of(tmp_path / "none.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(ManifestError, match="cannot be loaded"):
        open_session(tmp_path / "empty.onnx")


def test_an_unchanged_file_is_hashed_once_and_a_changed_one_again(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "eye")
    read_manifest(folder)
    labels = folder / "labels.txt"
    labels.write_text("a\nb\nc\nd\nf")
    with pytest.raises(ManifestError, match=r"labels\.txt has SHA-256"):
        read_manifest(folder)
