"""What every encoder must keep; inherit `EncoderConformance` in a test module and give it your encoder."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from feira.core.encoders.protocol import Encoder
from feira.core.testing.photos import Pattern, photo_pixels
from feira.core.types import Pixels

# One part in 100,000: what float32 sums may differ by when a batch is added up in another order.
_CLOSE = 1e-5
_PATTERNS: list[Pattern] = ["plain", "stripes", "checks", "dots", "gradient", "noise"]


class EncoderConformance:
    """Promises of `feira.core.encoders.protocol.Encoder`.

    A subclass overrides `encoder` as a pytest fixture:

        class TestMyEncoder(EncoderConformance):
            @pytest.fixture
            def encoder(self) -> MyEncoder:
                return MyEncoder()
    """

    @pytest.fixture
    def encoder(self) -> Encoder:
        """The encoder under test."""
        raise NotImplementedError("Override the `encoder` fixture with the encoder under test.")

    @pytest.fixture
    def photos(self) -> list[Pixels]:
        """More photos than a batch, of different sizes and looks."""
        looks = [
            photo_pixels((40 + 17 * place, 220 - 13 * place, 20 * place), (48 + 7 * place, 90 - 3 * place), pattern)
            for place, pattern in enumerate(_PATTERNS * 2)
        ]
        return [*looks[:11], photo_pixels((255, 255, 255)), photo_pixels((0, 0, 0))]

    def test_it_fulfils_the_protocol(self, encoder: Encoder) -> None:
        assert isinstance(encoder, Encoder)
        assert encoder.encoder_id == encoder.encoder_id.strip() != ""
        assert encoder.dim > 0
        assert encoder.input_size > 0

    def test_rows_are_unit_float32_of_the_promised_length(self, encoder: Encoder, photos: list[Pixels]) -> None:
        rows = encoder.encode_images(photos)
        assert rows.dtype == np.float32
        assert rows.shape == (len(photos), encoder.dim)
        assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < _CLOSE

    def test_no_images_give_no_rows(self, encoder: Encoder) -> None:
        rows = encoder.encode_images([])
        assert rows.dtype == np.float32
        assert rows.shape == (0, encoder.dim)

    def test_a_photo_has_the_same_row_alone_and_in_company(self, encoder: Encoder, photos: list[Pixels]) -> None:
        alone = np.concatenate([encoder.encode_images([photo]) for photo in photos])
        assert np.abs(alone - encoder.encode_images(photos)).max() < _CLOSE

    def test_rows_come_in_the_order_of_the_photos(self, encoder: Encoder, photos: list[Pixels]) -> None:
        forward, backward = encoder.encode_images(photos), encoder.encode_images(photos[::-1])
        assert np.abs(forward - backward[::-1]).max() < _CLOSE

    def test_different_photos_have_different_rows(self, encoder: Encoder) -> None:
        red, blue = encoder.encode_images(
            [photo_pixels((210, 30, 30), pattern="stripes"), photo_pixels((30, 30, 210), pattern="dots")]
        )
        assert red @ blue < 0.999

    @pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 2), (1200, 30), (225, 224), (511, 640)])
    def test_a_photo_may_have_any_size(self, encoder: Encoder, size: tuple[int, int]) -> None:
        (row,) = encoder.encode_images([photo_pixels((90, 140, 60), size, "gradient")])
        assert np.isfinite(row).all()
        assert abs(float(np.linalg.norm(row)) - 1) < _CLOSE

    def test_pixels_may_be_a_view_and_are_left_alone(self, encoder: Encoder) -> None:
        pixels = photo_pixels((10, 120, 240), (80, 64), "checks")
        pixels.flags.writeable = False
        mirrored = pixels[:, ::-1]
        assert np.array_equal(encoder.encode_images([mirrored]), encoder.encode_images([mirrored.copy()]))

    def test_the_same_photos_always_have_the_same_rows(self, encoder: Encoder, photos: list[Pixels]) -> None:
        assert np.array_equal(encoder.encode_images(photos), encoder.encode_images(photos))

    def test_two_threads_do_not_disturb_each_other(self, encoder: Encoder, photos: list[Pixels]) -> None:
        expected = [encoder.encode_images(photos[start:]) for start in range(4)]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda start: encoder.encode_images(photos[start % 4 :]), range(12)))
        assert all(np.abs(answer - expected[turn % 4]).max() < _CLOSE for turn, answer in enumerate(answers))
