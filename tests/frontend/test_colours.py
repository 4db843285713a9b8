"""Text can be read: the contrast of every pair of tokens that meet on a page, by day and by night."""

import re
import runpy

import pytest

from feira.core.images.renditions import tint_colour
from tests.frontend.sources import ROOT, STATIC

CSS = (STATIC / "feira/feira.css").read_text(encoding="utf-8")
TOKENS = {
    name: (day, night)
    for name, day, night in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
}
GROUNDS = ("paper", "surface", "sunken")
# Text on ground, and the least contrast: 7 for body text, 4.5 for every other text, 3 for lines of controls.
PAIRS = [
    *(("ink", ground, 7.0) for ground in GROUNDS),
    *(("muted", ground, 4.5) for ground in GROUNDS),
    *(("accent-text", ground, 4.5) for ground in (*GROUNDS, "accent-soft")),
    *(("danger", ground, 4.5) for ground in (*GROUNDS, "danger-soft")),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("ink", "accent-soft", 7.0),
    ("success", "success-soft", 4.5),
    ("warning", "warning-soft", 4.5),
    ("control-line", "surface", 3.0),
    ("control-line", "paper", 3.0),
    ("accent", "paper", 3.0),
    ("accent", "surface", 3.0),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` as WCAG 2 defines it, 0 to 1."""
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_agrees_with_the_standard_at_its_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("text", "ground", "least"), PAIRS, ids=str)
@pytest.mark.parametrize("night", [False, True], ids=["day", "night"])
def test_tokens_that_meet_have_enough_contrast(text: str, ground: str, least: float, night: bool) -> None:
    assert contrast(TOKENS[text][night], TOKENS[ground][night]) >= least


def test_every_token_that_is_used_is_defined() -> None:
    defined = set(re.findall(r"^\s*(--[a-z0-9-]+):", CSS, re.MULTILINE)) | set(
        re.findall(r"[{;]\s*(--[a-z0-9-]+):", CSS)
    )
    used = set(re.findall(r"var\((--[a-z0-9-]+)", CSS))
    assert used <= defined


def test_placeholder_colours_are_those_of_the_renditions() -> None:
    css = (STATIC / "feira/tints.css").read_text(encoding="ascii")
    classes = {
        int(tint): colour for tint, colour in re.findall(r"\.tint-(\d+)\{background-color:(#[0-9a-f]{6})\}", css)
    }
    assert classes == {tint: "#{:02x}{:02x}{:02x}".format(*tint_colour(tint)) for tint in range(216)}
    assert css == runpy.run_path(str(ROOT / "frontend/make_tints.py"))["tints_css"]()
