import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.images.colour_words import colour_named
from feira.core.images.colours import COLOUR_NAMES, MULTICOLOUR, colour_shares, main_colours
from feira.core.images.oklab import oklab
from tests.core.images.test_foreground import disc, painted

AGREED = {
    "black": "101010",
    "white": "f8f8f8",
    "grey": "808080",
    "red": "d01818",
    "orange": "ff8c00",
    "yellow": "ffdd00",
    "green": "1f8f3a",
    "turquoise": "30c8c0",
    "blue": "1f4fd0",
    "purple": "7b2fa8",
    "pink": "ff69b4",
    "brown": "6b4020",
    "beige": "e6d3b0",
}


def rgb(text: str) -> tuple[int, int, int]:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


@pytest.mark.parametrize("name", COLOUR_NAMES)
def test_what_everybody_calls_by_a_name_has_that_name(name: str) -> None:
    # Neither the colour of the thing nor of the cloth behind it: a background unlike all of them.
    mask = disc((240, 180), centre=(0.5, 0.5), radius=0.35)
    behind = (250, 250, 250) if name not in ("white", "beige", "grey") else (30, 60, 30)
    shares = colour_shares(painted(mask, rgb(AGREED[name]), behind))
    assert next(iter(shares)) == name
    assert shares[name] > 0.5
    assert main_colours(shares)[0].name == name


def test_two_halves_are_two_colours_in_the_order_of_their_size() -> None:
    pixels = painted(disc((240, 240), centre=(0.5, 0.5), radius=0.4), rgb(AGREED["red"]), (255, 255, 255))
    pixels[140:][pixels[140:, :, 1] < 200] = rgb(AGREED["blue"])
    assert [colour.name for colour in main_colours(colour_shares(pixels))] == ["red", "blue"]


def test_many_vivid_colours_are_multicoloured() -> None:
    wheel = np.full((120, 120, 3), 255, np.uint8)
    for place, name in enumerate(("red", "yellow", "green", "blue", "pink")):
        wheel[20:100, 20 + 16 * place : 36 + 16 * place] = rgb(AGREED[name])
    names = [colour.name for colour in main_colours(colour_shares(wheel))]
    assert names[-1] == MULTICOLOUR


def test_transparent_pixels_do_not_count() -> None:
    mask = disc((96, 96), centre=(0.5, 0.5), radius=0.3)
    pixels = painted(mask, rgb(AGREED["white"]), rgb(AGREED["green"]))
    assert next(iter(colour_shares(pixels, (mask * 255).astype(np.uint8)))) == "white"


@given(st.dictionaries(st.sampled_from(COLOUR_NAMES), st.floats(0.001, 1), min_size=1))
def test_main_colours_are_few_ordered_and_never_empty(raw: dict[str, float]) -> None:
    total = sum(raw.values())
    named = main_colours({name: share / total for name, share in raw.items()})
    plain = [colour for colour in named if colour.name != MULTICOLOUR]
    assert 0 < len(plain) <= 3
    assert [colour.share for colour in plain] == sorted((colour.share for colour in plain), reverse=True)


def test_shades_are_named_after_what_they_are_shades_of() -> None:
    assert {shade: colour_named(shade) for shade in ("Maroon", "TEAL", "khaki", "grey melange", "Lime Green")} == {
        "Maroon": "red",
        "TEAL": "turquoise",
        "khaki": "beige",
        "grey melange": "grey",
        "Lime Green": "green",
    }
    assert colour_named("striped") is None


def test_oklab_sees_equal_lightness_along_a_grey_wedge() -> None:
    wedge = oklab(np.repeat(np.arange(0, 256, 51, dtype=np.uint8)[:, None], 3, axis=1))
    assert np.all(np.diff(wedge[:, 0]) > 0.1)
    assert np.abs(wedge[:, 1:]).max() < 1e-3
    red = oklab(np.array([[int(255 * v) for v in colorsys.hsv_to_rgb(0, 1, 1)]], np.uint8))[0]
    assert red == pytest.approx([0.628, 0.225, 0.126], abs=2e-3)
