"""A recipe is a value: read from JSON with clear refusals, written in one way only."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.augment import KINDS, PRESETS, InvalidRecipe, Recipe
from feira.core.augment.fields import Choice, Field, Range

flip = {"operation": "flip", "probability": 0.5}


def allowed_values(field: Field) -> st.SearchStrategy[Any]:
    if isinstance(field, Choice):
        return st.sampled_from(field.choices)
    if isinstance(field, Range):
        least, most = field.least, field.most
        numbers = st.integers(int(least), int(most)) if field.is_whole else st.floats(least, most).map(in_bounds(field))
        return numbers | st.lists(numbers, min_size=2, max_size=2).map(sorted)
    return st.none() | st.integers(field.least, field.most)


def in_bounds(field: Range) -> Any:
    return lambda number: min(max(round(number, 6), field.least), field.most)


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(KINDS.values())))
    chosen = draw(st.lists(st.sampled_from(kind.fields), unique=True)) if kind.fields else []
    settings = {field.name: draw(allowed_values(field)) for field in chosen}
    return {"operation": kind.name, "probability": draw(st.floats(0, 1)), **settings}


recipes = st.fixed_dictionaries(
    {"operations": st.lists(operations(), max_size=5)},
    optional={"seed": st.integers(0, 2**53 - 1), "variants": st.integers(1, 20), "version": st.just(1)},
)


@settings(deadline=None, max_examples=50)
@given(recipes)
def test_a_recipe_survives_json_in_one_canonical_form(written: dict[str, Any]) -> None:
    recipe = Recipe.from_json(written)
    again = Recipe.from_text(recipe.canonical)
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.canonical == recipe.canonical
    assert Recipe.from_text(json.dumps(written)).digest == recipe.digest


def test_ways_of_writing_the_same_have_one_digest() -> None:
    def digest(operation: dict[str, Any]) -> str:
        return Recipe.from_json({"operations": [operation]}).digest

    short = digest({"operation": "rotate", "degrees": 5})
    assert short == digest({"degrees": [5.0, 5], "fill": "mean", "probability": 1.0, "operation": "rotate"})
    assert short != digest({"operation": "rotate", "degrees": [4, 5]})
    assert short != digest({"operation": "rotate", "degrees": 5, "probability": 0.5})


def test_whatever_changes_pixels_changes_the_digest() -> None:
    light = PRESETS["light"]
    others = [light.changed(seed=1), light.changed(variants=2), PRESETS["strong"], Recipe(light.operations[::-1])]
    assert len({recipe.digest for recipe in [light, *others]}) == 5


@pytest.mark.parametrize(
    ("operation", "name", "field", "words"),
    [
        ({"operation": "spin"}, None, "operation", "one of flip, rotate, crop"),
        ({"operation": ["flip"]}, None, "operation", "one of flip"),
        ({}, None, "operation", "one of flip"),
        ("flip", None, "operations", "an object such as"),
        ({**flip, "probability": 1.5}, "flip", "probability", "a number from 0 to 1"),
        ({**flip, "probability": "often"}, "flip", "probability", "a number from 0 to 1"),
        ({**flip, "probability": True}, "flip", "probability", "a number from 0 to 1"),
        ({**flip, "direction": "diagonal"}, "flip", "direction", "one of horizontal, vertical"),
        ({**flip, "degrees": 3}, "flip", "degrees", "direction"),
        ({"operation": "rotate", "degrees": [10, -10]}, "rotate", "degrees", "the lower one first"),
        ({"operation": "rotate", "degrees": [0, 181]}, "rotate", "degrees", "from -180 to 180 degrees"),
        ({"operation": "rotate", "degrees": [0, float("nan")]}, "rotate", "degrees", "two numbers"),
        ({"operation": "rotate", "degrees": [0, float("inf")]}, "rotate", "degrees", "two numbers"),
        ({"operation": "rotate", "degrees": [1, 2, 3]}, "rotate", "degrees", "two numbers"),
        ({"operation": "rotate", "degrees": None}, "rotate", "degrees", "two numbers"),
        ({"operation": "jpeg", "quality": [30.5, 60]}, "jpeg", "quality", "two whole numbers from 1 to 100"),
        ({"operation": "crop", "area": 0}, "crop", "area", "from 0.01 to 1"),
        ({"operation": "crop", "size": 9000}, "crop", "size", "from 1 to 4096 pixels, or null"),
        ({"operation": "crop", "size": 224.0}, "crop", "size", "a whole number"),
    ],
)
def test_a_wrong_operation_is_named_with_what_is_allowed(
    operation: Any, name: str | None, field: str, words: str
) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        Recipe.from_json({"operations": [flip, operation]})
    error = caught.value
    assert (error.place, error.operation, error.field) == (1, name, field)
    assert words in error.allowed
    assert error.message.startswith("Operation 2 of the recipe")
    assert error.message.endswith(f"{error.allowed}.")


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ([], "recipe"),
        ({}, "operations"),
        ({"operations": {}}, "operations"),
        ({"operations": [flip] * 21}, "operations"),
        ({"operations": [], "seed": -1}, "seed"),
        ({"operations": [], "seed": 2**53}, "seed"),
        ({"operations": [], "seed": "7"}, "seed"),
        ({"operations": [], "variants": 0}, "variants"),
        ({"operations": [], "variants": 21}, "variants"),
        ({"operations": [], "variants": True}, "variants"),
        ({"operations": [], "version": 2}, "version"),
        ({"operations": [], "name": "mine"}, "name"),
    ],
)
def test_a_wrong_recipe_is_refused_by_field(recipe: Any, field: str) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        Recipe.from_json(recipe)
    assert (caught.value.field, caught.value.place, caught.value.operation) == (field, None, None)
    assert caught.value.allowed in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidRecipe):
        Recipe.from_text(text)


def test_long_values_are_not_repeated_in_messages() -> None:
    with pytest.raises(InvalidRecipe) as caught:
        Recipe.from_json({"operations": [{"operation": "x" * 10_000}]})
    assert len(caught.value.message) < 400


def test_seed_and_variants_are_changed_within_bounds() -> None:
    assert PRESETS["light"].changed(seed=9, variants=4) == Recipe(PRESETS["light"].operations, seed=9, variants=4)
    for changes in ({"seed": -1}, {"variants": 0}, {"variants": 21}):
        with pytest.raises(InvalidRecipe):
            PRESETS["light"].changed(**changes)


def test_every_kind_has_fields_whose_defaults_are_allowed() -> None:
    for kind in KINDS.values():
        for field in kind.fields:
            assert field.read(field.default) == field.default
            assert field.about
