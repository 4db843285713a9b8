"""The eye that ships with Feira: an encoder like any other, small, and better than formulas."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from feira.core.datasets.drawn import draw_catalogue
from feira.core.encoders.builtin import FOLDER, NAME, open_builtin, open_heads
from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.heads import HEADS_NAME
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.evaluation.similar import neighbour_scores
from feira.core.images.decode import decode_for_encoder
from feira.core.index.exact import ExactIndex
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.types import Pixels
from tests.shared_files import SHARED, needs_shared

MEGABYTES = 3.0


@pytest.fixture(scope="module")
def eye() -> OnnxEncoder:
    return open_builtin()


class TestBuiltinEncoder(EncoderConformance):
    @pytest.fixture
    def encoder(self, eye: OnnxEncoder) -> Encoder:
        return eye


def test_it_is_small_and_free_to_use(eye: OnnxEncoder) -> None:
    assert sum((FOLDER / name).stat().st_size for name in ("model.onnx", HEADS_NAME)) < MEGABYTES * 1e6
    assert eye.manifest.licence == "Apache-2.0"
    assert (eye.encoder_id.split("@")[0], eye.dim) == (NAME, 256)


def test_its_heads_read_its_embeddings(eye: OnnxEncoder) -> None:
    heads = open_heads()
    assert (heads.encoder_id, heads.dim) == (eye.encoder_id, eye.dim)
    assert set(heads.names) == {"kind", "colour", "gender", "usage", "sticker"}
    assert {"dress", "t-shirt", "watch", "backpack"} < set(heads.classes("kind"))


def test_it_knows_drawn_kinds_better_than_formulas_do(eye: OnnxEncoder) -> None:
    # Numbers and seed that neither its training nor its validation has seen.
    listings = list(draw_catalogue(72, seed=31))
    kinds = [listing.attributes["kind"] for listing in listings]
    photos = [_pixels(listing.photos[0]) for listing in listings]
    assert _precision(eye, photos, kinds) > _precision(DescriptorEncoder(), photos, kinds)


@needs_shared("data/clothing/test")
def test_it_names_garments_that_it_has_never_seen(eye: OnnxEncoder) -> None:
    folder = SHARED / "data" / "clothing" / "test"
    right = 0
    for kind, name in (("dress", "dress"), ("pants", "trousers"), ("t-shirt", "t-shirt"), ("hat", "hat")):
        files = sorted((folder / kind).iterdir())[:10]
        rows = eye.encode_images([decode_for_encoder(path.read_bytes(), eye.input_size) for path in files])
        right += sum(name in [found for found, _ in answer["kind"]] for answer in open_heads().classify(rows))
    assert right >= 30  # of 40, among the first three names of some 100


def _pixels(content: bytes) -> Pixels:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def _precision(encoder: Encoder, photos: list[Pixels], kinds: list[str]) -> float:
    """Return the precision at 3 of the second half of the photos, searched among the first."""
    rows = encoder.encode_images(photos)
    index = ExactIndex(encoder.dim)
    index.add(range(36), rows[:36])
    return neighbour_scores(index.search(rows[36:], 3), kinds[:36], kinds[36:], k=3)[0]
