import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.images.decode import decode_for_encoder, decode_rendition
from feira.core.images.prepared import prepare_photo
from feira.core.images.renditions import RENDITIONS, fitted_size, make_renditions, tint_colour, tint_of
from feira.core.testing.photos import photo_bytes, photo_pixels

sides = st.integers(1, 20_000)


@given(width=sides, height=sides, longest=st.sampled_from(sorted(RENDITIONS.values())))
def test_a_fitted_size_is_never_larger_and_keeps_the_shape_within_a_pixel(
    width: int, height: int, longest: int
) -> None:
    fitted_width, fitted_height = fitted_size(width, height, longest=longest)
    assert 1 <= fitted_width <= min(width, longest)
    assert 1 <= fitted_height <= min(height, longest)
    scale = min(1.0, longest / max(width, height))
    assert abs(fitted_width - width * scale) <= 1
    assert abs(fitted_height - height * scale) <= 1


@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 700), height=st.integers(1, 700))
def test_renditions_have_the_fitted_size_and_share_what_is_equal(width: int, height: int) -> None:
    renditions = make_renditions(photo_pixels(size=(width, height), pattern="gradient"))
    assert list(renditions) == ["thumb", "card", "full"]
    for name, rendition in renditions.items():
        assert (rendition.width, rendition.height) == fitted_size(width, height, longest=RENDITIONS[name])
        assert decode_rendition(rendition.content).shape == (rendition.height, rendition.width, 3)
    by_size = {(rendition.width, rendition.height): rendition.content for rendition in renditions.values()}
    assert all(rendition.content is by_size[rendition.width, rendition.height] for rendition in renditions.values())
    assert len({rendition.digest for rendition in renditions.values()}) == len(by_size)


def test_a_rendition_looks_like_its_photo() -> None:
    pixels = photo_pixels((30, 160, 90), (500, 700), "gradient")
    for rendition in make_renditions(pixels).values():
        shown = decode_rendition(rendition.content)
        assert np.abs(shown[0].mean(axis=0) - pixels[0, 0]).max() < 6
        assert np.abs(shown[-1].mean(axis=0) - pixels[-1, 0]).max() < 6


def test_the_same_photo_gives_the_same_bytes() -> None:
    assert prepare_photo(photo_bytes(pattern="checks")) == prepare_photo(photo_bytes(pattern="checks"))


@given(tint=st.integers(0, 215))
def test_a_plain_palette_colour_is_its_own_tint(tint: int) -> None:
    assert tint_of(photo_pixels(tint_colour(tint), (5, 3))) == tint


def test_the_encoder_gets_no_fewer_pixels_than_it_asks_for() -> None:
    content = photo_bytes(size=(1600, 1200), pattern="gradient")
    assert decode_for_encoder(content, 224).shape == (300, 400, 3)
    assert decode_for_encoder(content, 301).shape == (600, 800, 3)
    assert decode_for_encoder(content, 5000).shape == (1200, 1600, 3)
