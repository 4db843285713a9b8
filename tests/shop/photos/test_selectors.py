"""Which rendition an encoder gets to see."""

import pytest

from feira.shop.photos.selectors import digest_for_encoder

UPRIGHT = {
    "thumb": {"digest": "t", "width": 180, "height": 240},
    "card": {"digest": "c", "width": 360, "height": 480},
    "full": {"digest": "f", "width": 400, "height": 533},
}
WIDE = {
    "thumb": {"digest": "t", "width": 240, "height": 24},
    "card": {"digest": "c", "width": 480, "height": 48},
    "full": {"digest": "f", "width": 1600, "height": 160},
}


@pytest.mark.parametrize(
    ("renditions", "input_size", "seen"),
    [
        (UPRIGHT, 128, "t"),
        (UPRIGHT, 180, "t"),
        (UPRIGHT, 181, "c"),
        (UPRIGHT, 384, "f"),
        (UPRIGHT, 518, "f"),
        (WIDE, 128, "f"),
        (WIDE, 48, "c"),
        (UPRIGHT, 0, "c"),
    ],
)
def test_the_smallest_rendition_that_is_large_enough_is_seen(
    renditions: dict[str, dict[str, str | int]], input_size: int, seen: str
) -> None:
    assert digest_for_encoder(renditions, input_size) == seen
