"""How right a head is on held-out listings, class by class, beside what serves."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from feira.shop.insight.labels import Said

MOST_CONFUSIONS: Final = 10
MOST_CLASSES_TOLD: Final = 30


class Case(NamedTuple):
    """A held-out listing: what is true, what is said now, and what would be said."""

    said: Said
    now: str
    name: str
    confidence: float


def score(cases: Sequence[Case]) -> dict[str, Any]:
    """Return how right both are, class by class, and what the new head takes for what."""
    if not cases:
        return {"held_out": 0}
    by_class: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if len(case.said.names) == 1:
            by_class[next(iter(case.said.names))].append(case)
    classes = sorted(by_class, key=lambda name: (-len(by_class[name]), name))
    wrong = Counter((truth, case.name) for truth, some in by_class.items() for case in some if case.name != truth)
    return {
        "held_out": len(cases),
        "before": _mean(case.said.is_answered_by(case.now) for case in cases),
        "after": _mean(case.said.is_answered_by(case.name) for case in cases),
        "confidence": _mean(case.confidence for case in cases),
        "classes_told": [
            {
                "name": name,
                "listings": len(by_class[name]),
                "before": _mean(case.now == name for case in by_class[name]),
                "after": _mean(case.name == name for case in by_class[name]),
            }
            for name in classes[:MOST_CLASSES_TOLD]
        ],
        "confusions": [
            {"is": truth, "taken_for": name, "times": times, "of": len(by_class[truth])}
            for (truth, name), times in sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_CONFUSIONS]
        ],
    }


def _mean(values: Iterable[float]) -> float:
    each = list(values)
    return round(sum(each) / len(each), 4)
