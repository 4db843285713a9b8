"""What a place of a recipe or an image rule takes, as a code with facts; the English for it is one way to say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Expects:
    """What may be given; `str` says it in English, as the end of a sentence.

    Attributes:
        code: stable, a key of `ENGLISH`; for whoever says it in another language.
        facts: what the sentence needs: numbers, names, a unit.
    """

    code: str
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        return ENGLISH[self.code](self.facts)

    def as_json(self) -> dict[str, Any]:
        """Return code and facts as plain values."""
        return {"code": self.code, **self.facts}


def expects(code: str, **facts: Any) -> Expects:
    """Return what a place takes."""
    return Expects(code, MappingProxyType(facts))


def _unit(facts: Mapping[str, Any]) -> str:
    return f" {facts['unit']}" if facts.get("unit") else ""


def _bounds(facts: Mapping[str, Any]) -> str:
    return f"from {facts['least']:g} to {facts['most']:g}{_unit(facts)}"


def _whole_bounds(facts: Mapping[str, Any]) -> str:
    return f"a whole number from {facts['least']} to {facts['most']}{_unit(facts)}"


def _names(facts: Mapping[str, Any]) -> str:
    return ", ".join(facts["names"])


ENGLISH: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = MappingProxyType(
    {
        "range": lambda facts: f"two numbers {_bounds(facts)}, the lower one first, or one such number",
        "whole_range": lambda facts: f"two whole numbers {_bounds(facts)}, the lower one first, or one such number",
        "number": lambda facts: f"a number {_bounds(facts)}",
        "whole": _whole_bounds,
        "whole_or_null": lambda facts: f"{_whole_bounds(facts)}, or null",
        "only_number": lambda facts: f"the number {facts['number']}",
        "one_of": lambda facts: f"one of {_names(facts)}",
        "some_of": lambda facts: f"some of {_names(facts)}",
        "object_of": lambda facts: f"an object with some of {_names(facts)}",
        "operation": lambda facts: f"an object such as {facts['example']}",
        "operations": lambda facts: f"a list of at most {facts['most']} operations",
        "recipe": lambda _facts: "an object with `operations`",
        "recipe_json": lambda _facts: "a JSON object with `operations`",
        "null_for_original": lambda _facts: "null where `fit` is original",
    }
)
