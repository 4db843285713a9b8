"""Views: seeded, square, and the first of each photo untouched."""

from random import Random

import numpy as np
from PIL import Image

from feira.core.testing.photos import photo_pixels
from feira.training.augment import changed

PHOTO = Image.fromarray(photo_pixels((180, 40, 60), (300, 200), "dots"))


def test_the_same_seed_gives_the_same_view() -> None:
    first, second, other = (changed(PHOTO, Random(seed), number=3) for seed in (7, 7, 8))
    assert first.size == (224, 224)
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_first_view_is_the_plain_centre_square() -> None:
    height, width = np.asarray(PHOTO).shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = PHOTO.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BILINEAR)
    view = changed(PHOTO, Random(7), number=0)
    assert np.abs(np.asarray(view, dtype=int) - np.asarray(square, dtype=int)).mean() < 1


def test_a_cut_out_is_laid_on_white_first_and_on_colours_later() -> None:
    cut_out = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    assert set(np.unique(np.asarray(changed(cut_out, Random(7), number=0)))) == {255}
    backdrops = {changed(cut_out, Random(seed), number=1).getpixel((9, 9)) for seed in range(12)}
    assert len(backdrops) > 3
