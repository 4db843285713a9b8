import numpy as np

from feira.core.images.intake import read_photo
from feira.core.testing.photos import photo_bytes, photo_pixels


def test_a_plain_tiny_photo_has_exactly_its_colour_and_size() -> None:
    pixels = photo_pixels((10, 200, 30), (5, 3))
    assert pixels.shape == (3, 5, 3)
    assert (pixels == (10, 200, 30)).all()


def test_patterns_mix_in_the_second_colour() -> None:
    for pattern in ("stripes", "checks", "dots", "gradient", "noise"):
        pixels = photo_pixels((0, 0, 0), (64, 64), pattern, second=(255, 255, 255))
        assert 20 < pixels.mean() < 235, pattern


def test_lossless_formats_keep_every_pixel() -> None:
    wanted = photo_pixels((10, 200, 30), (40, 30), "noise", seed=3)
    for kind in ("PNG", "WEBP"):
        assert np.array_equal(read_photo(photo_bytes((10, 200, 30), (40, 30), kind, "noise", seed=3)).pixels, wanted)


def test_different_arguments_give_different_files() -> None:
    assert len({photo_bytes((level, 0, 0)) for level in range(0, 250, 10)}) == 25
    assert photo_bytes(pattern="noise", seed=1) != photo_bytes(pattern="noise", seed=2)
