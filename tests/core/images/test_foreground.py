import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from feira.core.images.foreground import find_foreground
from feira.core.types import Pixels

RED, WHITE = (200, 30, 30), (255, 255, 255)


def disc(size: tuple[int, int], *, centre: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray((y - centre[0] * height) ** 2 + (x - centre[1] * width) ** 2 < (radius * min(size)) ** 2)


def painted(mask: NDArray[np.bool_], shown: tuple[int, int, int], behind: tuple[int, int, int]) -> Pixels:
    return np.where(mask[..., None], np.array(shown, np.uint8), np.array(behind, np.uint8)).astype(np.uint8)


def agreement(weight: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return intersection over union of what was found and what was painted, at the size of the small copy."""
    rows = np.arange(weight.shape[0]) * mask.shape[0] // weight.shape[0]
    columns = np.arange(weight.shape[1]) * mask.shape[1] // weight.shape[1]
    small, found = mask[np.ix_(rows, columns)], weight > 0.5
    return float((small & found).sum() / (small | found).sum())


@pytest.mark.parametrize("behind", [WHITE, (20, 20, 20), (90, 140, 200)])
@pytest.mark.parametrize("radius", [0.15, 0.3, 0.42])
def test_a_thing_is_told_from_a_plain_background(behind: tuple[int, int, int], radius: float) -> None:
    mask = disc((240, 180), centre=(0.5, 0.5), radius=radius)
    assert agreement(find_foreground(painted(mask, RED, behind)).weight, mask) > 0.75


def test_a_thing_may_reach_out_of_the_picture_and_stand_before_noise() -> None:
    mask = disc((200, 200), centre=(0.8, 0.5), radius=0.4)
    noise = np.random.default_rng(0).integers(-12, 13, (200, 200, 3))
    pixels = np.clip(painted(mask, RED, (120, 150, 110)).astype(int) + noise, 0, 255).astype(np.uint8)
    assert agreement(find_foreground(pixels).weight, mask) > 0.75


def test_a_nearly_white_thing_on_white_is_found() -> None:
    mask = disc((240, 180), centre=(0.5, 0.5), radius=0.35)
    assert agreement(find_foreground(painted(mask, (236, 236, 232), WHITE)).weight, mask) > 0.75


def test_opacity_alone_decides_where_there_is_any() -> None:
    mask = disc((128, 128), centre=(0.3, 0.3), radius=0.2)
    alpha = (mask * 255).astype(np.uint8)
    plain = np.full((128, 128, 3), 255, np.uint8)
    assert agreement(find_foreground(plain, alpha).weight, mask) > 0.85
    opaque = np.full((128, 128), 255, np.uint8)
    assert np.array_equal(find_foreground(plain, opaque).weight, find_foreground(plain).weight)


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 60), height=st.integers(1, 60), seed=st.integers(0, 5), levels=st.sampled_from([1, 2, 255]))
def test_every_picture_shows_something(width: int, height: int, seed: int, levels: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (height, width, 3)).astype(np.uint8) * (255 // levels)
    shown = find_foreground(pixels.astype(np.uint8))
    assert shown.weight.shape == shown.lab.shape[:2]
    assert shown.weight.sum() > 0
    assert np.isfinite(shown.weight).all()
    assert shown.weight.min() >= 0
    assert shown.weight.max() <= 1
