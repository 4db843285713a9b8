"""Bars and intervals stay within their drawing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.insight.charts import HEIGHT, WIDTH, interval, upright_bars

rows = st.lists(st.tuples(st.text(max_size=3), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=100)
gains = st.floats(-1, 1, allow_nan=False)


@given(rows=rows)
def test_bars_stand_on_the_ground_and_within_the_drawing(rows: list[tuple[str, int, int]]) -> None:
    bars = upright_bars(rows).bars
    assert len(bars) == len(rows)
    for bar in bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
        assert bar.y + bar.height == pytest.approx(HEIGHT, abs=0.02)
        assert bar.marked_height <= bar.height + 0.01


def test_the_tallest_bar_fills_the_drawing() -> None:
    assert [bar.height for bar in upright_bars([("a", 5, 0), ("b", 10, 10)]).bars] == [50, 100]


@given(gain=gains, low=gains, high=gains)
def test_an_interval_keeps_its_sides_of_zero(gain: float, low: float, high: float) -> None:
    drawn = interval(gain, low, high)
    for value, place in ((gain, drawn.gain), (low, drawn.low), (high, drawn.high)):
        assert 0 <= place <= WIDTH
        assert (place >= drawn.zero) == (value >= 0) or abs(value) < 1e-4
