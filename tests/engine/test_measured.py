"""Figures of encoders are kept by id, a bounded number of them, and survive a second writer."""

from pathlib import Path

import pytest

from feira.core.errors import Misconfigured
from feira.engine.measured import MOST_PER_ENCODER, keep_measured, read_measured


def test_figures_are_kept_by_encoder_oldest_first(tmp_path: Path) -> None:
    assert read_measured(tmp_path / "new") == {}
    for number in range(MOST_PER_ENCODER + 3):
        keep_measured(tmp_path / "new", "eye@1", {"precision_at_10": number})
    keep_measured(tmp_path / "new", "eye@2", {"precision_at_10": 0.5})
    kept = read_measured(tmp_path / "new")
    assert [entry["precision_at_10"] for entry in kept["eye@1"]] == list(range(3, MOST_PER_ENCODER + 3))
    assert kept["eye@2"] == [{"precision_at_10": 0.5}]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["measured.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"eye@1": 3}', "\x00"])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "measured.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"measured\.json"):
        keep_measured(tmp_path, "eye@1", {})
    assert (tmp_path / "measured.json").read_text() == content
