"""The classical encoder keeps the promises of an encoder and sees shape and colour."""

import numpy as np
import pytest

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.encoders.protocol import Encoder
from feira.core.testing.encoder_conformance import EncoderConformance
from feira.core.testing.encoders import HistogramEncoder
from feira.core.testing.photos import photo_pixels
from feira.core.types import Pixels


class TestDescriptorEncoder(EncoderConformance):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return DescriptorEncoder()


class TestHistogramEncoder(EncoderConformance):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return HistogramEncoder()


def cosine(left: Pixels, right: Pixels) -> float:
    rows = DescriptorEncoder().encode_images([left, right])
    return float(rows[0] @ rows[1])


def shape(kind: str, colour: tuple[int, int, int] = (200, 40, 40), size: int = 96) -> Pixels:
    """A disc, a bar or a ring of one colour on a light ground."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    radius = np.hypot(x, y)
    inside = {"disc": radius < 0.3, "bar": np.abs(x) < 0.12, "ring": (radius > 0.25) & (radius < 0.4)}[kind]
    return np.where(inside[..., None], np.array(colour), np.array((235, 232, 228))).astype(np.uint8)


def test_the_same_shape_in_another_size_is_nearer_than_another_shape() -> None:
    assert cosine(shape("disc"), shape("disc", size=150)) > 0.95
    assert cosine(shape("disc"), shape("bar")) < 0.6


def test_the_same_shape_in_another_colour_is_near_but_not_the_same() -> None:
    same_shape = cosine(shape("ring"), shape("ring", (30, 60, 190)))
    assert cosine(shape("ring"), shape("bar", (30, 60, 190))) < same_shape < 0.99


def test_plain_photos_are_told_apart_by_colour_alone() -> None:
    red, nearly_red, blue = (photo_pixels(colour) for colour in [(200, 30, 30), (190, 40, 35), (30, 30, 200)])
    assert cosine(red, nearly_red) > 0.8
    assert cosine(red, blue) < 0.5


def test_faint_noise_on_a_plain_photo_is_not_taken_for_a_shape() -> None:
    rng = np.random.default_rng(0)
    noisy = [np.clip(128 + rng.normal(0, 1, (96, 96, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    assert cosine(noisy[0], noisy[1]) > 0.8
