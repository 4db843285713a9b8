"""What is exported of a photo depends on nothing but the photo, the rule and the recipe."""

import io
import itertools
import json
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from feira.core.augment import PRESETS, ImageRule, InvalidRule, Recipe, augment, render, render_one
from feira.core.augment.rule import ExportFormat, Fit
from feira.core.errors import InvalidImage
from feira.core.images.decode import decode_rendition
from feira.core.images.limits import IntakeLimits
from feira.core.testing.photos import photo_bytes, photo_pixels

RULES = [
    ImageRule.from_json({"fit": fit, "size": None if fit == "original" else 60, "format": form})
    for fit, form in itertools.product(get_args(Fit), get_args(ExportFormat))
]


@pytest.fixture(scope="module")
def photo() -> bytes:
    return photo_bytes((40, 90, 200), size=(300, 210), pattern="checks")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.fit}-{rule.format}")
@pytest.mark.parametrize("preset", PRESETS)
def test_a_variant_is_the_same_alone_and_among_others(photo: bytes, rule: ImageRule, preset: str) -> None:
    recipe = PRESETS[preset].changed(seed=5, variants=3)
    together = render(photo, rule, recipe, key="a")
    assert together == render(photo, rule, recipe, key="a")
    for number in (3, 1, 2):
        assert render_one(photo, rule, recipe, key="a", variant=number) == together[number]
    assert together[0] == render(photo, rule)[0]
    assert len({each.digest for each in together}) == 4


def test_key_seed_and_number_each_change_a_variant(photo: bytes) -> None:
    recipe, rule = PRESETS["strong"], ImageRule("square", 60)
    seen = {
        render_one(photo, rule, recipe.changed(seed=seed), key=key, variant=variant).digest
        for seed, key, variant in itertools.product((0, 1), ("a", "b"), (1, 2))
    }
    assert len(seen) == 8


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.fit}-{rule.format}")
def test_files_have_the_size_and_format_of_the_rule(photo: bytes, rule: ImageRule) -> None:
    whole: dict[Fit, tuple[int, int]] = {
        "original": (300, 210),
        "longest": (60, 42),
        "shorter": (86, 60),
        "square": (60, 60),
    }
    first, *variants = render(photo, rule, PRESETS["strong"].changed(variants=5), key="a")
    assert (first.width, first.height) == whole[rule.fit]
    for rendered in (first, *variants):
        with Image.open(io.BytesIO(rendered.content)) as image:
            assert image.format == rule.format.upper()
            assert image.size == (rendered.width, rendered.height)
    for variant in variants:
        least, most = sorted((variant.width, variant.height))
        fits: dict[Fit, bool] = {
            "original": most <= 300,
            "longest": most == 60,
            "shorter": least == 60,
            "square": least == most == 60,
        }
        assert fits[rule.fit]


def test_steps_are_json_and_leave_out_what_did_not_happen(photo: bytes) -> None:
    recipe = Recipe.from_json(
        {"operations": [{"operation": "grey", "probability": 0}, {"operation": "rotate", "degrees": 7}]}
    )
    variant = render_one(photo, ImageRule(), recipe, key="a", variant=1)
    steps = [step.as_json() for step in variant.steps]
    assert json.loads(json.dumps(steps)) == steps
    assert steps == [{"operation": "rotate", "place": 1, "degrees": 7, "fill": "mean"}]


def test_a_recipe_without_operations_gives_the_photo_itself(photo: bytes) -> None:
    for rule in RULES:
        first, variant = render(photo, rule, Recipe(), key="a")
        assert (variant.content, variant.variant, variant.steps) == (first.content, 1, ())


def test_an_array_and_a_file_of_the_same_pixels_are_changed_alike() -> None:
    pixels = photo_pixels(size=(90, 70), pattern="noise")
    content = photo_bytes(size=(90, 70), pattern="noise", format="PNG")
    for recipe in PRESETS.values():
        changed = augment(pixels, recipe, key="k", variant=2)
        variant = render_one(content, ImageRule("original", None, "png"), recipe, key="k", variant=2)
        assert variant.steps == changed.steps
        assert np.array_equal(decode_rendition(variant.content), changed.pixels)


def test_no_metadata_are_exported_and_photos_stand_upright() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "home address"
    buffer = io.BytesIO()
    picture = Image.fromarray(photo_pixels(size=(80, 40), pattern="gradient"))
    picture.save(buffer, "JPEG", exif=exif, comment=b"taken at home", dpi=(300, 300))
    for rule in RULES:
        for rendered in render(buffer.getvalue(), rule, PRESETS["light"], key="a"):
            assert b"home" not in rendered.content
            with Image.open(io.BytesIO(rendered.content)) as image:
                assert not image.getexif()
                assert not {"exif", "comment", "dpi", "icc_profile"} & image.info.keys()
        first = render(buffer.getvalue(), rule)[0]
        assert first.height >= first.width


def test_large_jpegs_are_decoded_reduced_and_look_the_same() -> None:
    photo = photo_bytes(size=(1300, 1000), pattern="gradient")
    rule = ImageRule("longest", 100, "png")
    (small,) = render(photo, rule)
    whole = Image.open(io.BytesIO(photo)).resize((100, 77), Image.Resampling.BILINEAR)
    assert (small.width, small.height) == whole.size
    difference = np.abs(decode_rendition(small.content).astype(int) - np.asarray(whole).astype(int))
    assert difference.max() <= 6
    recipe = PRESETS["light"]
    alone = render_one(photo, rule, recipe, key="a", variant=1)
    assert render(photo, rule, recipe, key="a")[1] == alone


@pytest.mark.parametrize("content", [b"", b"<svg/>", photo_bytes()[:300]])
def test_what_is_no_photo_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidImage):
        render(content, ImageRule())


def test_limits_hold(photo: bytes) -> None:
    with pytest.raises(InvalidImage) as caught:
        render(photo, ImageRule(), limits=IntakeLimits(max_pixels=1000))
    assert caught.value.reason == "too_many_pixels"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.fit}-{rule.format}")
def test_a_rule_survives_json(rule: ImageRule) -> None:
    assert ImageRule.from_json(json.loads(json.dumps(rule.as_json()))) == rule


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"fit": "longst"}, "fit", "one of original, longest, shorter, square"),
        ({"size": 0}, "size", "1 to 4096 pixels"),
        ({"size": "512"}, "size", "whole number"),
        ({"size": None}, "size", "1 to 4096"),
        ({"fit": "original", "size": 12}, "size", "null"),
        ({"format": "gif"}, "format", "one of jpeg, png, webp"),
        ({"quality": 101}, "quality", "1 to 100"),
        ({"qualty": 9}, "qualty", "fit, size, format, quality"),
        ([], "image rule", "an object"),
    ],
)
def test_a_wrong_rule_is_refused_by_field(given: Any, field: str, words: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        ImageRule.from_json(given)
    assert caught.value.field == field
    assert words in caught.value.allowed
    assert caught.value.allowed in caught.value.message
