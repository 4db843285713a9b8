"""What the settings of an operation may be: each field checks JSON, or says what it allows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from feira.core.augment.expects import Expects, expects
from feira.core.errors import FeiraError

Bounds: TypeAlias = tuple[float, float]
Value: TypeAlias = Bounds | int | str | None
Complaint: TypeAlias = Literal["value", "unknown", "kind", "json"]


class InvalidField(FeiraError):
    """One entry of a recipe or of an image rule is wrong.

    Args:
        message: in English. Whoever speaks to people in their own language makes it anew of the rest.
        field: names the entry.
        complaint: `value` that is not allowed, `unknown` field, `kind` of value that it cannot be at all, or no `json`.
        given: what stood there, briefly, as Python writes it; empty when nothing did.
        expects: what may stand there; `allowed` is the English for it.
    """

    code = "invalid_field"
    http_status = 422

    def __init__(
        self, message: str, *, field: str, complaint: Complaint, given: str, expects: Expects, **facts: Any
    ) -> None:
        allowed = str(expects)
        super().__init__(
            message, field=field, allowed=allowed, complaint=complaint, given=given, expects=expects.as_json(), **facts
        )
        self.field, self.allowed, self.complaint, self.given, self.expects = field, allowed, complaint, given, expects


class InvalidRecipe(InvalidField):
    """A recipe cannot be used; `place` counts its operations from 0 and is None when the recipe itself is wrong."""

    code = "invalid_recipe"

    def __init__(
        self,
        message: str,
        *,
        field: str,
        complaint: Complaint,
        given: str,
        expects: Expects,
        place: int | None = None,
        operation: str | None = None,
    ) -> None:
        super().__init__(
            message,
            field=field,
            complaint=complaint,
            given=given,
            expects=expects,
            place=place,
            operation=operation,
        )
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
    def expects(self) -> Expects:
        """What may be given."""
        code = "whole_range" if self.is_whole else "range"
        return expects(code, least=self.least, most=self.most, unit=self.unit)

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
    def expects(self) -> Expects:
        """What may be given."""
        return expects("whole_or_null", least=self.least, most=self.most, unit=self.unit)

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
    def expects(self) -> Expects:
        """What may be given."""
        return expects("one_of", names=self.choices)

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


def shown_briefly(given: Any) -> str:
    """Return what was given as a message shows it, at most 40 characters; empty for nothing."""
    if given is None:
        return ""
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}…"


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
