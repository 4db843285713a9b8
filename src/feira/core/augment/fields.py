"""What the settings of an operation may be: each field checks JSON, or says what it allows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from feira.core.errors import FeiraError

Bounds: TypeAlias = tuple[float, float]
Value: TypeAlias = Bounds | int | str | None


class InvalidField(FeiraError):
    """One entry of a recipe or of an image rule is wrong; `field` names it, `allowed` says what it may be."""

    code = "invalid_field"
    http_status = 422

    def __init__(self, message: str, *, field: str, allowed: str, **facts: Any) -> None:
        super().__init__(message, field=field, allowed=allowed, **facts)
        self.field, self.allowed = field, allowed


class InvalidRecipe(InvalidField):
    """A recipe cannot be used; `place` counts its operations from 0 and is None when the recipe itself is wrong."""

    code = "invalid_recipe"

    def __init__(
        self, message: str, *, field: str, allowed: str, place: int | None = None, operation: str | None = None
    ) -> None:
        super().__init__(message, field=field, allowed=allowed, place=place, operation=operation)
        self.place, self.operation = place, operation


class InvalidRule(InvalidField):
    """An image rule cannot be used."""

    code = "invalid_image_rule"


class WrongValueError(ValueError):
    """A field was given what it does not allow; caught where the place of the field is known."""


@dataclass(frozen=True, slots=True)
class Range:
    """A value is drawn between two bounds, both included; one number stands for a range without width.

    Attributes:
        least, most: the bounds lie between these.
        default: bounds where the recipe gives none.
        unit: for people, such as `degrees`.
        is_whole: only whole numbers are drawn.
    """

    name: str
    about: str
    least: float
    most: float
    default: Bounds
    unit: str = ""
    is_whole: bool = False

    @property
    def allowed(self) -> str:
        """What may be given, as the end of a sentence."""
        kind = "whole numbers" if self.is_whole else "numbers"
        unit = f" {self.unit}" if self.unit else ""
        return f"two {kind} from {self.least:g} to {self.most:g}{unit}, the lower one first, or one such number"

    def read(self, given: Any) -> Bounds:
        """Return the bounds.

        Raises:
            WrongValueError: they are not allowed.
        """
        low, high = given if isinstance(given, (list, tuple)) and len(given) == 2 else (given, given)
        bounds = (self._number(low), self._number(high))
        if bounds[0] > bounds[1]:
            raise WrongValueError
        return bounds

    def _number(self, given: Any) -> float:
        number = plain_number(given)
        if not self.least <= number <= self.most or (self.is_whole and number != int(number)):
            raise WrongValueError
        return number


@dataclass(frozen=True, slots=True)
class Whole:
    """One whole number, or nothing."""

    name: str
    about: str
    least: int
    most: int
    default: int | None = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """What may be given, as the end of a sentence."""
        unit = f" {self.unit}" if self.unit else ""
        return f"a whole number from {self.least} to {self.most}{unit}, or null"

    def read(self, given: Any) -> int | None:
        """Return the number.

        Raises:
            WrongValueError: it is not allowed.
        """
        return None if given is None else whole_number(given, least=self.least, most=self.most)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    name: str
    about: str
    choices: tuple[str, ...]
    default: str

    @property
    def allowed(self) -> str:
        """What may be given, as the end of a sentence."""
        return f"one of {', '.join(self.choices)}"

    def read(self, given: Any) -> str:
        """Return the word.

        Raises:
            WrongValueError: it is not among them.
        """
        if not isinstance(given, str) or given not in self.choices:
            raise WrongValueError
        return given


Field: TypeAlias = Range | Whole | Choice


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of an operation's fields, in the order in which its kind declares them."""

    values: tuple[tuple[str, Value], ...]

    def range(self, name: str) -> Bounds:
        """Return the bounds of a `Range`."""
        value = self._value(name)
        if not isinstance(value, tuple):
            raise TypeError(f"{name} is no range")
        return value

    def whole(self, name: str) -> int | None:
        """Return the number of a `Whole`."""
        value = self._value(name)
        if value is not None and not isinstance(value, int):
            raise TypeError(f"{name} is no whole number")
        return value

    def choice(self, name: str) -> str:
        """Return the word of a `Choice`."""
        value = self._value(name)
        if not isinstance(value, str):
            raise TypeError(f"{name} is no choice")
        return value

    def with_whole(self, name: str, number: int) -> "Settings":
        """Return the same with another number for a `Whole`."""
        return Settings(tuple((each, number if each == name else value) for each, value in self.values))

    def as_json(self) -> dict[str, Any]:
        """Return all fields, those included that were left to their defaults."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.values}

    def _value(self, name: str) -> Value:
        return dict(self.values)[name]


def read_fields(fields: tuple[Field, ...], given: Mapping[str, Any]) -> Settings:
    """Check every field that is given and take the defaults of the others; unknown ones are for the caller to refuse.

    Raises:
        WrongFieldError: with the field.
    """
    values: list[tuple[str, Value]] = []
    for field in fields:
        try:
            values.append((field.name, field.read(given.get(field.name, field.default))))
        except WrongValueError as error:
            raise WrongFieldError(field) from error
    return Settings(tuple(values))


class WrongFieldError(ValueError):
    """A value of `field` is not allowed."""

    def __init__(self, field: Field) -> None:
        super().__init__(field.name)
        self.field = field


def plain_number(given: Any) -> float:
    """Return a finite number to six decimals, an int where it is whole, so that equal settings are written alike.

    Raises:
        WrongValueError: it is no number.

    >>> plain_number(0.30000000000000004), plain_number(2.0)
    (0.3, 2)
    """
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise WrongValueError
    number = round(float(given), 6)
    return int(number) if number.is_integer() else number


def whole_number(given: Any, *, least: int, most: int) -> int:
    """Return a whole number within bounds.

    Raises:
        WrongValueError: it is none.
    """
    if type(given) is not int or not least <= given <= most:
        raise WrongValueError
    return given
