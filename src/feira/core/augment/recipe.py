"""A recipe: which operations change a photo, in which order, how strongly and how often, and from which seed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from feira.core.augment.fields import (
    InvalidRecipe,
    Settings,
    WrongFieldError,
    WrongValueError,
    plain_number,
    read_fields,
    whole_number,
)
from feira.core.augment.kinds import KINDS, Kind

VERSION: Final = 1
"""Of what recipes mean: raised whenever the same recipe would give other pixels."""

MOST_OPERATIONS: Final = 20
MOST_VARIANTS: Final = 20
LARGEST_SEED: Final = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly."""

_TOP_LEVEL = frozenset({"version", "seed", "variants", "operations"})
_COMMON = frozenset({"operation", "probability"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a recipe.

    Attributes:
        name: of its kind, a key of `KINDS`.
        probability: share of the variants that it happens to, 0..1; chosen anew for each variant of each photo.
        settings: a value for each field of its kind.
    """

    name: str
    probability: float
    settings: Settings

    @property
    def kind(self) -> Kind:
        """What it does."""
        return KINDS[self.name]

    def as_json(self) -> dict[str, Any]:
        """Return every field, those included that were left to their defaults."""
        return {"operation": self.name, "probability": self.probability, **self.settings.as_json()}

    @classmethod
    def from_json(cls, given: Any, *, place: int = 0) -> Self:
        """Read one operation; what is left out takes its default, and `probability` is 1.

        Raises:
            InvalidRecipe: naming `place`, operation, field and what is allowed.
        """
        where = f"Operation {place + 1} of the recipe"
        if not isinstance(given, Mapping):
            allowed = 'an object such as {"operation": "flip", "probability": 0.5}'
            raise InvalidRecipe(f"{where} is not {allowed}.", field="operations", allowed=allowed, place=place)
        name = given.get("operation")
        if not isinstance(name, str) or name not in KINDS:
            allowed = f"one of {', '.join(KINDS)}"
            raise InvalidRecipe(
                f"{where}: `operation` is {_shown(name)}; give {allowed}.",
                field="operation",
                allowed=allowed,
                place=place,
            )
        return cls._of_kind(KINDS[name], given, place=place)

    @classmethod
    def _of_kind(cls, kind: Kind, given: Mapping[str, Any], *, place: int) -> Self:
        def refuse(field: str, allowed: str, complaint: str) -> InvalidRecipe:
            message = f"Operation {place + 1} of the recipe ({kind.name}): {complaint}; give {allowed}."
            return InvalidRecipe(message, field=field, allowed=allowed, place=place, operation=kind.name)

        known = [*sorted(_COMMON), *(field.name for field in kind.fields)]
        for field in given:
            if field not in known:
                raise refuse(str(field), f"some of {', '.join(known)}", f"`{field}` is no field of it")
        try:
            probability = plain_number(given.get("probability", 1))
            if not 0 <= probability <= 1:
                raise WrongValueError
        except WrongValueError as error:
            complaint = f"`probability` is {_shown(given['probability'])}"
            raise refuse("probability", "a number from 0 to 1", complaint) from error
        try:
            return cls(kind.name, probability, read_fields(kind.fields, given))
        except WrongFieldError as error:
            wrong = error.field
            raise refuse(wrong.name, wrong.allowed, f"`{wrong.name}` is {_shown(given[wrong.name])}") from error


@dataclass(frozen=True, slots=True)
class Recipe:
    """Operations in the order in which they happen.

    Attributes:
        operations: at most 20; none at all leaves photos as they are.
        seed: 0 to 2**53 - 1; another seed gives other variants.
        variants: how many changed copies of each photo are wanted, 1..20.
    """

    operations: tuple[Operation, ...] = ()
    seed: int = 0
    variants: int = 1

    @property
    def canonical(self) -> bytes:
        """UTF-8 JSON, the same for any two recipes that mean the same."""
        return json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        return hashlib.sha256(self.canonical).hexdigest()

    def changed(self, *, seed: int | None = None, variants: int | None = None) -> Self:
        """Return the same operations from another seed, or with another number of variants.

        Raises:
            InvalidRecipe: the number is not allowed.
        """
        return replace(
            self,
            seed=self.seed if seed is None else _whole("seed", seed, least=0, most=LARGEST_SEED),
            variants=self.variants if variants is None else _whole("variants", variants, least=1, most=MOST_VARIANTS),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as `from_json` reads it."""
        return {
            "version": VERSION,
            "seed": self.seed,
            "variants": self.variants,
            "operations": [operation.as_json() for operation in self.operations],
        }

    @classmethod
    def from_json(cls, given: Any) -> Self:
        """Check a recipe that came as parsed JSON; `version`, `seed` and `variants` may be left out.

        Raises:
            InvalidRecipe: naming the operation, the field and what is allowed.
        """
        if not isinstance(given, Mapping):
            raise _refuse("recipe", "an object with `operations`", "The recipe is something else")
        for field in given:
            if field not in _TOP_LEVEL:
                allowed = f"some of {', '.join(sorted(_TOP_LEVEL))}"
                raise _refuse(str(field), allowed, f"`{field}` is no field of a recipe")
        _whole("version", given.get("version", VERSION), least=VERSION, most=VERSION)
        operations = given.get("operations")
        if not isinstance(operations, (list, tuple)) or len(operations) > MOST_OPERATIONS:
            allowed = f"a list of at most {MOST_OPERATIONS} operations"
            raise _refuse("operations", allowed, "`operations` is missing or something else")
        return cls(
            operations=tuple(Operation.from_json(each, place=place) for place, each in enumerate(operations)),
            seed=_whole("seed", given.get("seed", 0), least=0, most=LARGEST_SEED),
            variants=_whole("variants", given.get("variants", 1), least=1, most=MOST_VARIANTS),
        )

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Check a recipe that came as JSON text.

        Raises:
            InvalidRecipe: it is no JSON, or no recipe.
        """
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _refuse("recipe", "a JSON object with `operations`", "The recipe is no JSON") from error
        return cls.from_json(given)


def _whole(field: str, given: Any, *, least: int, most: int) -> int:
    try:
        return whole_number(given, least=least, most=most)
    except WrongValueError as error:
        allowed = f"a whole number from {least} to {most}" if least < most else f"the number {least}"
        raise _refuse(field, allowed, f"`{field}` of the recipe is {_shown(given)}") from error


def _refuse(field: str, allowed: str, complaint: str) -> InvalidRecipe:
    return InvalidRecipe(f"{complaint}; give {allowed}.", field=field, allowed=allowed)


def _shown(given: Any) -> str:
    """Return what was given, briefly: messages are shown to people."""
    if given is None:
        return "missing"
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}…"
