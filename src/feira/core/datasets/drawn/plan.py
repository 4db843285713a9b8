"""What a drawn catalogue holds: how many of each kind, at which prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final, Self

from feira.core.datasets.drawn.clothing import CLOTHING
from feira.core.datasets.drawn.furnishing import FURNISHING
from feira.core.datasets.drawn.homeware import HOMEWARE
from feira.core.datasets.drawn.look import Kind
from feira.core.errors import SourceError

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name.lower(): kind for kind in (*HOMEWARE, *FURNISHING, *CLOTHING)}
)
"""Every kind that can be drawn, by its name in lower case."""

_USUAL_PRICES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "mug": ("6", "24"),
        "vase": ("12", "85"),
        "bowl": ("8", "48"),
        "plant": ("9", "60"),
        "lamp": ("25", "180"),
        "chair": ("40", "260"),
        "book": ("4", "28"),
        "ball": ("5", "30"),
        "t-shirt": ("8", "35"),
        "dress": ("20", "120"),
        "hat": ("10", "55"),
        "bag": ("15", "160"),
    }
)


@dataclass(frozen=True, slots=True)
class KindPlan:
    """One kind in a plan: how many listings of it come in each round, and between which prices (both included)."""

    kind: Kind
    count: int
    lowest: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True)
class DrawPlan:
    """Counts and price ranges per kind; a catalogue as long as their sum holds exactly these counts."""

    kinds: tuple[KindPlan, ...]

    @classmethod
    def usual(cls) -> Self:
        """Return the plan with as many of every kind."""
        return cls.from_dict({})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a plan as it stands in a JSON file, `{"mug": {"count": 30, "price": ["6.50", "24"]}, "vase": {...}}`.

        Kinds that are not named are not drawn; an empty plan draws one of each in turn. `count` is 1 and `price` the
        usual range unless given.

        Raises:
            SourceError: an unknown kind, a count below 0, no listing at all, or a price range that is none.
        """
        named = {name.lower(): entry for name, entry in values.items()} or {name: {} for name in KINDS}
        plans = tuple(_kind_plan(name, entry) for name, entry in named.items())
        if not any(plan.count for plan in plans):
            raise SourceError("The plan draws no listing at all. Give at least one kind a count of 1 or more.")
        return cls(plans)

    def cycle(self) -> tuple[KindPlan, ...]:
        """Return the kinds of one round in order, evenly interleaved."""
        placed = [
            ((i + 0.5) / plan.count, position, plan)
            for position, plan in enumerate(self.kinds)
            for i in range(plan.count)
        ]
        return tuple(plan for _, _, plan in sorted(placed, key=lambda entry: entry[:2]))


def _kind_plan(name: str, entry: Any) -> KindPlan:
    if name not in KINDS:
        raise SourceError(f"The plan names “{name}”, which cannot be drawn. Choose from: {', '.join(sorted(KINDS))}.")
    if not isinstance(entry, Mapping) or set(entry) - {"count", "price"}:
        raise SourceError(f"The plan for “{name}” must hold nothing but `count` and `price`.")
    count = entry.get("count", 1)
    if type(count) is not int or count < 0:
        raise SourceError(f"The count of “{name}” is {count!r}; give a whole number from 0.")
    try:
        low, high = (Decimal(str(price)) for price in entry.get("price", _USUAL_PRICES[name]))
        if not 0 < low <= high < Decimal(10) ** 9:
            raise SourceError(f"The prices of “{name}” run from {low} to {high}; give the lower one first, above 0.")
    except (InvalidOperation, ValueError, TypeError) as error:
        raise SourceError(f"The price of “{name}” must be two numbers, the lowest and the highest.") from error
    return KindPlan(KINDS[name], count, low, high)
