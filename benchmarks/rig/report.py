"""What a benchmark prints: on stdout tables and ratios for people, or one JSON document; on stderr how far it is."""

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from feira.cli.console import say, show_json, show_table


class Report:
    """Collects tables and ratios, and prints them at the end.

    Args:
        name: of the benchmark.
        facts: what was measured with: counts, encoder, anything that a reader needs to compare.
        as_json: print one JSON document instead of tables.
    """

    def __init__(self, name: str, *, as_json: bool, **facts: Any) -> None:
        self._name, self._as_json = name, as_json
        self._facts = {**facts, "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1)}
        self._tables: dict[str, Sequence[Mapping[str, Any]]] = {}
        self._ratios: list[dict[str, Any]] = []

    def table(self, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add a table; the first row's keys name the columns."""
        self._tables[title] = rows

    def ratio(self, what: str, value: float, *, goal: str = "") -> None:
        """Add a ratio, with what it ought to be."""
        self._ratios.append({"ratio": what, "value": round(value, 3), "goal": goal})

    def show(self) -> None:
        """Print everything."""
        if self._as_json:
            ratios = {each["ratio"]: each["value"] for each in self._ratios}
            show_json({"benchmark": self._name, **self._facts, "ratios": ratios, "tables": self._tables})
            return
        print(f"{self._name}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self._facts.items()))
        for title, rows in self._tables.items():
            print(f"\n{title}")
            show_table(rows)
        print()
        show_table(self._ratios)


def tell(line: str) -> None:
    """Say on stderr what is being done."""
    say(f"· {line}")


def median_ms(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return round(1000 * statistics.median(seconds), 2)


def percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of the times lie, in milliseconds (the nearest one measured)."""
    ordered = sorted(seconds)
    place = min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))
    return round(1000 * ordered[place], 2)
