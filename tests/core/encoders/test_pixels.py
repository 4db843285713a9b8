"""What the model sees is what its manifest says: crop, size, colours, range, order of axes."""

import numpy as np
import pytest
from PIL import Image

from feira.core.encoders.pixels import Preparation
from feira.core.testing.photos import photo_pixels
from feira.core.types import Pixels

PLAIN = {"size": 8, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def wide() -> Pixels:
    """Red, green and blue thirds, 24 pixels wide and 8 high."""
    photo = np.zeros((8, 24, 3), dtype=np.uint8)
    for colour in range(3):
        photo[:, 8 * colour : 8 * colour + 8, colour] = 200 + colour
    return photo


def seen(photo: Pixels, **said: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What the model sees of one photo; height, width, colour."""
    (batch,) = Preparation(**{**PLAIN, **said}).prepare([photo])  # type: ignore[arg-type]
    return np.asarray(batch.transpose(1, 2, 0) if said.get("layout", "NCHW") == "NCHW" else batch)


def test_a_centre_square_shows_the_middle_only() -> None:
    assert (seen(wide()) == [0, 201, 0]).all()


def test_a_share_of_the_centre_is_a_closer_look() -> None:
    photo = np.zeros((16, 16, 3), dtype=np.uint8)
    photo[4:12, 4:12] = 90
    assert (seen(photo, crop_share=0.5) == 90).all()
    assert Preparation(**PLAIN, crop_share=0.5).shorter_side == 16  # type: ignore[arg-type]


def test_squashed_everything_is_seen() -> None:
    row = seen(wide(), crop="squash", resize="area")[4]
    assert (row[:, 0] > 100).sum() >= 2
    assert (row[:, 2] > 100).sum() >= 2


def test_padded_everything_is_seen_in_proportion_between_margins() -> None:
    photo = seen(wide(), crop="pad", pad_colour=(1, 2, 3))
    assert (photo[[0, 1, 6, 7]] == [1, 2, 3]).all()
    assert (photo[3:5, [0, -1]] != [1, 2, 3]).any(axis=-1).all()


def test_colours_may_be_the_other_way_round_and_axes_too() -> None:
    photo = photo_pixels((10, 20, 30), (8, 8))
    assert (seen(photo, colour_order="BGR")[0, 0] == [30, 20, 10]).all()
    assert (seen(photo, layout="NHWC")[0, 0] == [10, 20, 30]).all()


def test_mean_and_std_belong_to_the_order_that_the_model_sees() -> None:
    photo = photo_pixels((10, 20, 30), (8, 8))
    said = {"mean": (30.0, 20.0, 9.0), "std": (1.0, 1.0, 2.0), "colour_order": "BGR"}
    assert (seen(photo, **said)[0, 0] == [0, 0, 0.5]).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_the_model_gets_the_type_that_it_takes(dtype: str) -> None:
    batch = Preparation(**PLAIN, dtype=dtype).prepare([wide(), wide()])  # type: ignore[arg-type]
    assert (batch.dtype, batch.shape) == (np.dtype(dtype), (2, 3, 8, 8))
    assert batch.flags.c_contiguous


@pytest.mark.parametrize(
    ("word", "method"),
    [
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("area", Image.Resampling.BOX),
        ("lanczos", Image.Resampling.LANCZOS),
    ],
)
def test_interpolation_is_pillows(word: str, method: Image.Resampling) -> None:
    photo = photo_pixels((200, 30, 90), (60, 60), "dots")
    expected = np.asarray(Image.fromarray(photo).resize((8, 8), method))
    assert (seen(photo, resize=word) == expected).all()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("colour_order", ["RGB", "BGR"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_every_number_is_exactly_what_the_formula_gives(layout: str, colour_order: str, dtype: str) -> None:
    photos = [np.random.default_rng(seed).integers(0, 256, (20, 16, 3), dtype=np.uint8) for seed in range(3)]
    mean, std = ((0.0,) * 3, (1.0,) * 3) if dtype == "uint8" else ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    said = {"size": 16, "mean": mean, "std": std, "layout": layout, "colour_order": colour_order, "dtype": dtype}
    batch = Preparation(**said).prepare(photos)  # type: ignore[arg-type]
    pixels = np.stack([photo[2:18] for photo in photos])
    pixels = pixels[..., ::-1] if colour_order == "BGR" else pixels
    if dtype != "uint8":
        pixels = ((pixels.astype(np.float32) - np.array(mean, np.float32)) / np.array(std, np.float32)).astype(dtype)
    expected = pixels.transpose(0, 3, 1, 2) if layout == "NCHW" else pixels
    assert (batch.dtype, batch.shape) == (expected.dtype, expected.shape)
    assert batch.tobytes() == np.ascontiguousarray(expected).tobytes()
