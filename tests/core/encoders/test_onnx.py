"""The ONNX encoder keeps the promises of an encoder and sees what the model folder's manifest says."""

import numpy as np
import pytest
from PIL import Image

from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.errors import ManifestError
from feira.core.images.decode import decode_for_encoder
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.photos import photo_pixels
from feira.core.types import Matrix
from tests.core.encoders.conftest import Change, WriteModel
from tests.shared_files import SHARED, needs_shared

MOBILENET = SHARED / "models" / "mobilenet_v2"
pytestmark = needs_shared("models/mobilenet_v2")


@pytest.fixture(scope="module")
def mobilenet() -> OnnxEncoder:
    return OnnxEncoder(MOBILENET)


class TestOnnxEncoder(EncoderConformance):
    @pytest.fixture
    def encoder(self, mobilenet: Encoder) -> Encoder:
        return mobilenet


def test_its_id_names_the_model_and_its_weights(mobilenet: OnnxEncoder) -> None:
    assert mobilenet.encoder_id == "mobilenet_v2_1.0_224@d9cb3c82"
    assert (mobilenet.dim, mobilenet.input_size) == (1280, 224)


def test_only_the_centre_square_is_seen(mobilenet: OnnxEncoder) -> None:
    square = photo_pixels((180, 40, 60), (224, 224), "checks")
    wide = np.zeros((224, 424, 3), dtype=np.uint8)
    wide[:, 100:324] = square
    rows = mobilenet.encode_images([square, wide])
    assert np.abs(rows[0] - rows[1]).max() < 1e-5


def test_a_larger_photo_is_scaled_as_pillow_does_it(mobilenet: OnnxEncoder) -> None:
    large = photo_pixels((180, 40, 60), (500, 500), "dots")
    small = np.asarray(Image.fromarray(large).resize((224, 224), Image.Resampling.BILINEAR))
    rows = mobilenet.encode_images([large, small])
    assert np.abs(rows[0] - rows[1]).max() < 1e-5


@needs_shared("data/clothing/test")
def test_photos_of_one_kind_are_nearer_than_photos_of_two(mobilenet: OnnxEncoder) -> None:
    def rows(kind: str) -> Matrix:
        files = sorted((SHARED / "data" / "clothing" / "test" / kind).iterdir())[:6]
        return mobilenet.encode_images([decode_for_encoder(path.read_bytes(), 224) for path in files])

    hats, shoes = rows("hat"), rows("shoes")
    within = (hats @ hats.T)[np.triu_indices(len(hats), 1)].mean()
    assert within > (hats @ shoes.T).mean() + 0.05


def test_weights_that_are_no_model_are_refused(model_folder: WriteModel) -> None:
    folder = model_folder(weights=b"not a model")
    with pytest.raises(ManifestError) as caught:
        OnnxEncoder(folder)
    assert "model.onnx" in caught.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: facts["input"].update(name="pixels"), "pixels"),
        (lambda facts: facts["outputs"]["embedding"].update(shape=["batch", 640]), "640"),
    ],
)
def test_a_manifest_that_contradicts_the_model_is_refused(model_folder: WriteModel, change: Change, said: str) -> None:
    folder = model_folder(weights=(MOBILENET / "model.onnx").read_bytes(), change=change)
    with pytest.raises(ManifestError) as caught:
        OnnxEncoder(folder)
    assert said in caught.value.message
