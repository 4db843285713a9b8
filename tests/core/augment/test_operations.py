"""What every operation keeps to, and what each is for."""

import itertools
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from feira.core.augment import KINDS, PRESETS, ImageRule, Recipe, augment, plan
from feira.core.augment.fields import Choice, Range, read_fields
from feira.core.augment.kinds import Kind
from feira.core.testing.photos import photo_pixels
from feira.core.types import Pixels

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
kinds = st.sampled_from(list(KINDS.values()))
seeds = st.integers(0, 2**32)

# Settings with which an operation changes nothing, by kind; JPEG has none.
ZERO: dict[str, dict[str, Any]] = {
    "rotate": {"degrees": 0},
    "crop": {"area": 1, "aspect": 1},
    "perspective": {"amount": 0},
    "jitter": {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0},
    "blur": {"radius": 0},
    "noise": {"deviation": 0},
    "cutout": {"count": 0},
}


def pixels_of(size: tuple[int, int], seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def applied(pixels: Pixels, name: str, **given: Any) -> Pixels:
    """Apply an operation with settings that leave nothing to chance, or whatever chance there is from seed 0."""
    recipe = Recipe.from_json({"operations": [{"operation": name, **given}]})
    return augment(pixels, recipe, key="a").pixels


@st.composite
def drawn_settings(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """Any settings at all that keep pictures small."""
    given: dict[str, Any] = {}
    for field in kind.fields:
        if field.name == "size":
            given["size"] = draw(st.integers(1, 50))
        elif isinstance(field, Choice):
            given[field.name] = draw(st.sampled_from(field.choices))
        elif isinstance(field, Range):
            numbers = st.integers(int(field.least), int(field.most)) if field.is_whole else st.floats(0, 1)
            low, high = sorted((draw(numbers), draw(numbers)))
            if not field.is_whole:
                low, high = (field.least + (field.most - field.least) * share for share in (low, high))
            given[field.name] = [low, high]
    return given


@settings(deadline=None, max_examples=300)
@given(kind=kinds, size=sizes, seed=seeds, data=st.data())
def test_an_operation_gives_rgb_pixels_of_the_size_it_announced_and_spares_the_given_ones(
    kind: Kind, size: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    fields = read_fields(kind.fields, data.draw(drawn_settings(kind)))
    pixels = pixels_of(size, seed)
    before = pixels.copy()
    picture = Image.fromarray(pixels)
    parameters = kind.draw(fields, Random(seed), size)
    changed = kind.apply(picture, parameters)
    assert changed.mode == "RGB"
    assert changed.size == kind.size_after(parameters, size)
    assert np.array_equal(np.asarray(picture), before)
    assert np.array_equal(pixels, before)
    assert np.array_equal(np.asarray(kind.apply(picture, parameters)), np.asarray(changed))


@settings(deadline=None)
@given(kind=kinds, size=sizes, seed=seeds, data=st.data())
def test_parameters_are_json_within_the_settings(
    kind: Kind, size: tuple[int, int], seed: int, data: st.DataObject
) -> None:
    fields = read_fields(kind.fields, data.draw(drawn_settings(kind)))
    parameters = kind.draw(fields, Random(seed), size)
    for field in kind.fields:
        value = parameters.get(field.name)
        if isinstance(field, Range) and value is not None:
            low, high = fields.range(field.name)
            assert low <= value <= high
            assert isinstance(value, int) or value == round(value, 4) or value in (low, high)


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds)
@pytest.mark.parametrize("name", ZERO)
def test_no_strength_changes_nothing(name: str, size: tuple[int, int], seed: int) -> None:
    pixels = pixels_of(size, seed)
    assert np.array_equal(applied(pixels, name, **ZERO[name]), pixels)


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds, variant=st.integers(1, 100))
@pytest.mark.parametrize("name", KINDS)
def test_probability_zero_never_happens_and_one_always(
    name: str, size: tuple[int, int], seed: int, variant: int
) -> None:
    def steps(probability: float) -> list[str]:
        recipe = Recipe.from_json({"seed": seed, "operations": [{"operation": name, "probability": probability}]})
        return [step.operation for step in plan(recipe, key="a", variant=variant, size=size)]

    assert steps(0) == []
    assert steps(1) == [name]


def test_probability_is_the_share_of_variants() -> None:
    recipe = Recipe.from_json({"operations": [{"operation": "grey", "probability": 0.3}]})
    happened = sum(len(plan(recipe, key=str(photo), variant=1, size=(9, 9))) for photo in range(4000))
    assert 1050 < happened < 1350


def test_operations_draw_independently_of_what_stands_before_them() -> None:
    turn = {"operation": "rotate", "degrees": [-90, 90]}
    for probability in (0, 1):
        first = {"operation": "noise", "probability": probability}
        recipe = Recipe.from_json({"operations": [first, turn]})
        (step,) = [step for step in plan(recipe, key="a", variant=1, size=(9, 9)) if step.operation == "rotate"]
        assert (
            step.parameters["degrees"] == -8.4666
        )  # pinned: another number means other pixels for every recipe, and another VERSION


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds)
def test_flipping_twice_gives_the_photo_back(size: tuple[int, int], seed: int) -> None:
    pixels = pixels_of(size, seed)
    assert np.array_equal(applied(pixels, "flip"), pixels[:, ::-1])
    assert np.array_equal(applied(pixels, "flip", direction="vertical"), pixels[::-1])


def test_turning_is_counter_clockwise_about_the_middle_and_fills_the_corners() -> None:
    pixels = pixels_of((20, 20), 1)
    assert np.array_equal(applied(pixels, "rotate", degrees=90), np.rot90(pixels))
    for fill, colour in (("white", 255), ("black", 0), ("grey", 128)):
        assert (applied(pixels, "rotate", degrees=45, fill=fill)[0, 0] == colour).all()
    plain = photo_pixels((10, 200, 60), (30, 20))
    assert np.array_equal(applied(plain, "rotate", degrees=33, fill="mean"), plain)


@settings(deadline=None, max_examples=50)
@given(
    size=st.tuples(st.integers(20, 300), st.integers(20, 300)),
    seed=seeds,
    area=st.floats(0.05, 1),
    aspect=st.floats(0.5, 2),
    side=st.none() | st.just(32),
)
def test_a_crop_lies_within_the_photo_with_the_area_and_shape_that_were_drawn(
    size: tuple[int, int], seed: int, area: float, aspect: float, side: int | None
) -> None:
    recipe = Recipe.from_json(
        {"seed": seed, "operations": [{"operation": "crop", "area": area, "aspect": aspect, "size": side}]}
    )
    (step,) = plan(recipe, key="a", variant=1, size=size)
    box = step.parameters
    assert 0 <= box["left"] <= box["left"] + box["width"] <= size[0]
    assert 0 <= box["top"] <= box["top"] + box["height"] <= size[1]
    # One pixel of rounding on each side.
    assert box["width"] * box["height"] <= area * size[0] * size[1] + sum(size) + 1
    shape = aspect if side else aspect * size[0] / size[1]
    assert (box["width"] - 1) / (box["height"] + 1) <= shape <= (box["width"] + 1) / max(box["height"] - 1, 0.01)


def test_crops_reach_every_edge() -> None:
    recipe = Recipe.from_json({"operations": [{"operation": "crop", "area": 0.5, "aspect": 1}]})
    boxes = [plan(recipe, key="a", variant=variant, size=(10, 10))[0].parameters for variant in range(1, 200)]
    assert {box["left"] for box in boxes} == {box["top"] for box in boxes} == {0, 1, 2, 3}
    assert all(box["width"] == box["height"] == 7 for box in boxes)


def test_a_first_crop_takes_the_shape_of_a_square_rule() -> None:
    recipe = Recipe.from_json({"operations": [{"operation": "crop", "area": 0.5, "aspect": 1}]})
    (step,) = plan(recipe, key="a", variant=1, size=(400, 200), rule=ImageRule("square", 64))
    assert step.parameters["width"] == step.parameters["height"] == 200
    assert step.parameters["size"] == 64


def test_resizing_brings_the_side_that_was_named_to_the_size() -> None:
    pixels = pixels_of((40, 20), 0)
    assert applied(pixels, "resize", size=30).shape == (15, 30, 3)
    assert applied(pixels, "resize", size=30, side="shorter").shape == (30, 60, 3)
    assert applied(pixels, "resize", size=30, side="both").shape == (30, 30, 3)
    assert applied(pixels_of((4000, 2), 0), "resize", size=50, side="shorter").shape == (2, 4096, 3)


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds, amount=st.floats(0, 0.4))
def test_perspective_stretches_what_lies_between_corners_and_adds_no_colour(
    size: tuple[int, int], seed: int, amount: float
) -> None:
    pixels = np.clip(pixels_of(size, seed), 50, 200)
    seen = applied(pixels, "perspective", amount=amount)
    assert seen.shape == pixels.shape
    plain = photo_pixels((90, 20, 250), size)
    assert np.array_equal(applied(plain, "perspective", amount=amount), plain)
    # A picture that is brighter to the right stays so: corners do not change places.
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    across = applied(ramp, "perspective", amount=amount).astype(int)[:, :, 0]
    assert (np.diff(across, axis=1) >= 0).all()


@settings(deadline=None, max_examples=50)
@given(seed=seeds, brightness=st.floats(0.3, 2), contrast=st.floats(0.3, 2), saturation=st.floats(0, 2))
def test_jitter_follows_its_formula(seed: int, brightness: float, contrast: float, saturation: float) -> None:
    pixels = pixels_of((16, 16), seed)
    changed = applied(pixels, "jitter", brightness=brightness, contrast=contrast, saturation=saturation)
    luma = np.array([0.299, 0.587, 0.114])
    bright = pixels * brightness
    grey = np.rint(pixels.reshape(-1, 3).mean(axis=0)) @ luma * brightness
    shifted = (bright - min(255, grey)) * contrast + min(255, grey)
    plain = (shifted @ luma)[..., None]
    wanted = np.clip(plain + (shifted - plain) * saturation, 0, 255)
    # Published colour matrices have four digits, draws have four, levels are whole.
    assert np.abs(changed - wanted).max() <= 1.5


@settings(deadline=None, max_examples=50)
@given(level=st.integers(0, 255), saturation=st.floats(0, 4), hue=st.floats(-180, 180))
def test_greys_have_neither_saturation_nor_hue(level: int, saturation: float, hue: float) -> None:
    grey = photo_pixels((level, level, level), (4, 4))
    assert np.array_equal(applied(grey, "jitter", saturation=saturation, hue=hue), grey)


def test_a_turn_of_the_colour_wheel_keeps_the_light_and_comes_round() -> None:
    pixels = np.clip(pixels_of((30, 30), 4), 90, 160)
    turned = applied(pixels, "jitter", hue=120)
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs(turned @ luma - pixels @ luma).max() < 1.5
    assert np.abs(turned.astype(int) - pixels).mean() > 10
    back = applied(applied(turned, "jitter", hue=120), "jitter", hue=120)
    assert np.abs(back.astype(int) - pixels).max() <= 4


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds)
def test_grey_has_one_level_for_three_channels(size: tuple[int, int], seed: int) -> None:
    pixels = pixels_of(size, seed)
    grey = applied(pixels, "grey")
    assert (grey == grey[:, :, :1]).all()
    assert np.abs(grey[:, :, 0] - pixels @ np.array([0.299, 0.587, 0.114])).max() <= 1


def test_more_blur_leaves_less_detail_and_the_same_light() -> None:
    pixels = pixels_of((60, 60), 3)
    detail = [float(applied(pixels, "blur", radius=radius).std()) for radius in (0, 0.5, 1, 2, 4)]
    assert detail == sorted(detail, reverse=True)
    assert abs(float(applied(pixels, "blur", radius=4).mean()) - float(pixels.mean())) < 1


@pytest.mark.parametrize("deviation", [1, 8, 25])
def test_noise_is_normal_independent_and_as_strong_as_asked(deviation: float) -> None:
    grey = photo_pixels((128, 128, 128), (700, 600))  # several bands of noise
    added = applied(grey, "noise", deviation=deviation).astype(float) - 128
    assert abs(added.mean()) < 0.1
    assert added.std() == pytest.approx(deviation, rel=0.05)
    assert abs(np.corrcoef(added[:, :-1].ravel(), added[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(added[..., 0].ravel(), added[..., 1].ravel())[0, 1]) < 0.01
    if deviation > 1:
        assert (np.abs(added) < deviation).mean() == pytest.approx(0.683, abs=0.06)


def test_a_lower_jpeg_quality_loses_more() -> None:
    pixels = pixels_of((64, 64), 5)
    loss = [
        float(np.abs(applied(pixels, "jpeg", quality=quality) - pixels.astype(float)).mean()) for quality in (5, 40, 90)
    ]
    assert loss == sorted(loss, reverse=True)
    smooth = photo_pixels((40, 90, 200), (64, 64), "gradient")
    assert np.abs(applied(smooth, "jpeg", quality=100).astype(int) - smooth).max() <= 3


@settings(deadline=None, max_examples=50)
@given(size=sizes, seed=seeds, count=st.integers(0, 5), area=st.floats(0, 1))
def test_cut_outs_are_filled_and_the_rest_stays(size: tuple[int, int], seed: int, count: int, area: float) -> None:
    pixels = np.clip(pixels_of(size, seed), 1, 255)
    recipe = Recipe.from_json(
        {"operations": [{"operation": "cutout", "count": count, "area": area, "fill": "black"}], "seed": seed}
    )
    changed = augment(pixels, recipe, key="a")
    (step,) = changed.steps
    is_cut = np.zeros(pixels.shape[:2], bool)
    for left, top, width, height in step.parameters["boxes"]:
        assert width * height <= area * size[0] * size[1] + sum(size) + 1
        is_cut[top : top + height, left : left + width] = True
    assert (changed.pixels[is_cut] == 0).all()
    assert np.array_equal(changed.pixels[~is_cut], pixels[~is_cut])


@settings(deadline=None, max_examples=30)
@given(order=st.permutations(list(itertools.product("abc", (1, 2, 3)))), preset=st.sampled_from(list(PRESETS)))
def test_variants_do_not_depend_on_the_order_in_which_they_are_made(order: list[tuple[str, int]], preset: str) -> None:
    pixels = photo_pixels(size=(24, 18), pattern="noise")

    def made(wanted: list[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
        return {
            (key, variant): augment(pixels, PRESETS[preset], key=key, variant=variant).pixels.tobytes()
            for key, variant in wanted
        }

    assert made(order) == made(sorted(order))
