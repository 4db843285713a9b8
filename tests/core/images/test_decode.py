"""What encoders see of a stored photo: upright, no smaller than they want, and no more of it decoded than that."""

import io

import numpy as np
import pytest
from PIL import Image

from feira.core.encoders.descriptors import DescriptorEncoder
from feira.core.errors import InvalidImage
from feira.core.images.decode import decode_for_encoder, decode_rendition
from feira.core.types import Pixels

ORIENTATION = 0x0112


def scene(width: int, height: int) -> Pixels:
    """A soft picture whose upper left quarter is red."""
    y, x = np.mgrid[0:height, 0:width]
    photo = np.stack([120 + 60 * np.sin(x / 90), 120 + 60 * np.cos(y / 70), 90 + 0 * x], axis=-1)
    photo[: height // 2, : width // 2] = (210, 20, 20)
    return photo.astype(np.uint8)


def jpeg(pixels: Pixels, *, orientation: int = 1, mode: str = "RGB", **options: object) -> bytes:
    """Encode a JPEG as a phone does, with the orientation in its metadata."""
    image = Image.fromarray(pixels).convert(mode)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88, exif=exif, **options)
    return stream.getvalue()


# A phone writes what its sensor sees, 4:3 lying down, and says in the metadata how it was held.
@pytest.mark.parametrize("progressive", [False, True])
def test_of_a_phone_photo_only_an_eighth_of_each_side_is_decoded(progressive: bool) -> None:
    content = jpeg(scene(4000, 3000), orientation=6, progressive=progressive)
    small = decode_for_encoder(content, 224)
    assert small.shape == (500, 375, 3)
    # Turned by 90 degrees, the red quarter is at the upper right.
    assert small[60, -60, 0] > 180 > small[60, 60, 0]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(224, (300, 400)), (300, (300, 400)), (301, (600, 800)), (601, (1200, 1600)), (5000, (1200, 1600))],
)
def test_the_smallest_scale_that_still_has_what_is_wanted_is_taken(wanted: int, expected: tuple[int, int]) -> None:
    assert decode_for_encoder(jpeg(scene(1600, 1200)), wanted).shape[:2] == expected


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours_become_rgb(mode: str) -> None:
    small = decode_for_encoder(jpeg(scene(1600, 1200), mode=mode), 224)
    assert small.shape == (300, 400, 3)


def test_an_encoder_sees_nearly_the_same_either_way() -> None:
    content = jpeg(scene(2400, 1800))
    encoder = DescriptorEncoder()
    part, whole = encoder.encode_images([decode_for_encoder(content, encoder.input_size), decode_rendition(content)])
    assert part @ whole > 0.98


def test_other_formats_come_whole() -> None:
    for kind in ("PNG", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(scene(640, 480)).save(stream, kind)
        assert decode_for_encoder(stream.getvalue(), 64).shape == (480, 640, 3)


@pytest.mark.parametrize("content", [b"", b"no photo", jpeg(scene(1600, 1200))[:9_000]])
def test_damaged_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidImage) as caught:
        decode_for_encoder(content, 224)
    assert caught.value.reason == "damaged"
