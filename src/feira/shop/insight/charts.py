"""Bars as numbers for SVG: a page draws them without a script, and a table stands behind each."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
WIDTH = 600


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; `part` is the marked share of it, from the bottom. Units of the chart's view box."""

    label: str
    value: float
    marked: float
    x: float
    width: float
    y: float
    height: float
    marked_y: float
    marked_height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of upright bars over a view box of `WIDTH` × `HEIGHT`; `most` is the value at the top."""

    bars: tuple[Bar, ...]
    most: float
    width: int = WIDTH
    height: int = HEIGHT


def upright_bars(rows: Sequence[tuple[str, float, float]]) -> Bars:
    """Return the bars of rows of label, value and marked part of the value; values are not below 0."""
    most = max((value for _label, value, _marked in rows), default=0) or 1
    step = WIDTH / max(len(rows), 1)
    gap = min(step * 0.25, 6)

    def bar(number: int, label: str, value: float, marked: float) -> Bar:
        tall, small = HEIGHT * value / most, HEIGHT * min(marked, value) / most
        x = round(number * step + gap / 2, 2)
        return Bar(
            label,
            value,
            marked,
            x,
            round(step - gap, 2),
            _unit(HEIGHT - tall),
            _unit(tall),
            _unit(HEIGHT - small),
            _unit(small),
        )

    return Bars(tuple(bar(number, *row) for number, row in enumerate(rows)), most)


@dataclass(frozen=True, slots=True)
class Interval:
    """A gain with its interval on a line that reaches as far to both sides of zero; units of 0 to `WIDTH`."""

    zero: float
    low: float
    high: float
    gain: float
    reach: float


def interval(gain: float, low: float, high: float) -> Interval:
    """Return where a gain and its interval stand."""
    reach = max(abs(low), abs(high), abs(gain), 1e-6) * 1.15

    def place(value: float) -> float:
        return round(WIDTH / 2 * (1 + value / reach), 2)

    return Interval(WIDTH / 2, place(low), place(high), place(gain), reach)


def _unit(value: float) -> float:
    return round(value, 2)
