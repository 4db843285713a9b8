"""A part of a picture holds the pixels of that part."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feira.core.errors import InvalidImage
from feira.core.images.cropping import LEAST, WHOLE, Crop, cut


@st.composite
def crops(draw: st.DrawFn) -> Crop:
    width, height = draw(st.integers(LEAST, WHOLE)), draw(st.integers(LEAST, WHOLE))
    return Crop(draw(st.integers(0, WHOLE - width)), draw(st.integers(0, WHOLE - height)), width, height)


def png(width: int, height: int) -> bytes:
    """Left half red, right half blue, the bottom half darker."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 240
    pixels[height // 2 :] //= 2
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@given(crops())
def test_a_rectangle_survives_being_written(crop: Crop) -> None:
    assert Crop.from_text(crop.text) == crop


@pytest.mark.parametrize(
    "text", ["", "0,0,1", "0,0,1,1,1", "a,0,1,1", "nan,0,1,1", "-0.1,0,1,1", "0,0,2,1", "0.99,0,0.5,1", "0,0,0.01,1"]
)
def test_what_is_no_rectangle_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Crop.from_text(text)


@given(crops(), st.integers(1, 90), st.integers(1, 70))
def test_the_part_has_the_size_that_was_asked_for(crop: Crop, width: int, height: int) -> None:
    with Image.open(io.BytesIO(cut(png(width, height), crop))) as part:
        assert part.format == "WEBP"
        assert 1 <= part.width <= width
        assert abs(part.width - crop.width * width / WHOLE) <= 2
        assert abs(part.height - crop.height * height / WHOLE) <= 2


def test_the_part_shows_what_stood_there() -> None:
    with Image.open(io.BytesIO(cut(png(80, 60), Crop(550, 550, 400, 400)))) as part:
        red, green, blue = np.asarray(part.convert("RGB")).reshape(-1, 3).mean(axis=0)
    assert blue == pytest.approx(120, abs=12)
    assert max(red, green) < 12


@pytest.mark.parametrize("content", [b"", b"no picture", png(40, 30)[:60]])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidImage):
        cut(content, Crop(0, 0, 500, 500))


def test_what_is_larger_than_any_rendition_is_not_read() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1700, 1700)).save(buffer, "PNG")
    with pytest.raises(InvalidImage) as caught:
        cut(buffer.getvalue(), Crop(0, 0, 500, 500))
    assert caught.value.reason == "too_many_pixels"
