"""The settings of taste travel as JSON, and nothing out of bounds gets in."""

import json

import pytest

from feira.core.recommend.taste_settings import FORMAT, InvalidTasteSettings, TasteSettings


def test_settings_come_back_as_they_were() -> None:
    settings = TasteSettings(half_life_days=7.5, most_interests=8, opened_weight=0.0)
    assert TasteSettings.unpack(settings.pack()) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_life_days": 0.5},
        {"half_life_days": float("nan")},
        {"most_interests": 0},
        {"most_interests": 2.5},
        {"most_interests": True},
        {"opened_weight": 1.5},
        {"opened_weight": "much"},
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidTasteSettings, match=next(iter(wrong))):
        TasteSettings(**wrong)  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]",
        b"{}",
        json.dumps({"format": "feira-query-ranker-1", "settings": {}}).encode(),
        json.dumps({"format": FORMAT, "settings": {"half_life_days": 30}}).encode(),
    ],
)
def test_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidTasteSettings):
        TasteSettings.unpack(content)
