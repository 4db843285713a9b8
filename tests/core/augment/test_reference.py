"""The page of augmentations says what the code allows."""

import json
import re
from pathlib import Path

import pytest

from feira.core.augment import KINDS, PRESETS, Recipe
from feira.core.augment.fields import Choice, Range
from feira.core.augment.rule import FIELDS

PAGE = (Path(__file__).parents[3] / "docs/reference/augmentation.md").read_text(encoding="utf-8")


def rows_of(kind: str) -> str:
    """Return the rows of one operation: from its name to the next one's."""
    table = PAGE.split("## Operations")[1].split("Presets")[0]
    return next(rows for rows in re.split(r"\n(?=\| `)", table) if rows.startswith(f"| `{kind}` "))


def written(number: float) -> str:
    return f"{number:g}".replace("-", "−")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: str(kind.name))
def test_every_field_of_every_operation_stands_there_with_what_it_allows(kind: object) -> None:
    name = next(each for each, known in KINDS.items() if known is kind)
    rows = rows_of(name)
    for field in KINDS[name].fields:
        assert f"`{field.name}`" in rows
        if isinstance(field, Range):
            low, high = field.default
            default = f"[{str(low).replace('-', '−')}, {str(high).replace('-', '−')}]"
            assert f"range, {written(field.least)} to {written(field.most)} | {default}" in rows
        elif isinstance(field, Choice) and name != "cutout":
            assert all(f"`{choice}`" in rows for choice in field.choices)


def test_every_preset_and_field_of_a_rule_stands_there() -> None:
    assert all(f"`{preset}`" in PAGE for preset in PRESETS)
    table = PAGE.split("## An image rule")[1]
    for field in FIELDS:
        assert f"| `{field.name}` |" in table
        if isinstance(field, Choice):
            assert all(f"`{choice}`" in table for choice in field.choices)


def test_the_example_is_a_recipe() -> None:
    example = PAGE.split("```json\n")[1].split("```")[0]
    assert Recipe.from_text(example).as_json()["operations"][1]["direction"] == "horizontal"
    assert json.loads(example)["variants"] == 3
