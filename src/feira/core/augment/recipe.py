"""A recipe: which operations change a photo, in which order, how strongly and how often, and from which seed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from feira.core.augment.expects import Expects, expects
from feira.core.augment.fields import (
    Complaint,
    InvalidRecipe,
    Settings,
    WrongFieldError,
    WrongValueError,
    plain_number,
    read_fields,
    shown_briefly,
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
            wanted = expects("operation", example='{"operation": "flip", "probability": 0.5}')
            raise InvalidRecipe(
                f"{where} is not {wanted}.",
                field="operations",
                complaint="kind",
                given=shown_briefly(given),
                expects=wanted,
                place=place,
            )
        name = given.get("operation")
        if not isinstance(name, str) or name not in KINDS:
            wanted = expects("one_of", names=tuple(KINDS))
            raise InvalidRecipe(
                f"{where}: `operation` is {_shown(name)}; give {wanted}.",
                field="operation",
                complaint="value",
                given=shown_briefly(name),
                expects=wanted,
                place=place,
            )
        return cls._of_kind(KINDS[name], given, place=place)

    @classmethod
    def _of_kind(cls, kind: Kind, given: Mapping[str, Any], *, place: int) -> Self:
        def refuse(field: str, wanted: Expects, complaint: Complaint = "value") -> InvalidRecipe:
            said = f"is {_shown(given[field])}" if complaint == "value" else "is no field of it"
            return InvalidRecipe(
                f"Operation {place + 1} of the recipe ({kind.name}): `{field}` {said}; give {wanted}.",
                field=field,
                complaint=complaint,
                given=shown_briefly(given[field]),
                expects=wanted,
                place=place,
                operation=kind.name,
            )

        known = (*sorted(_COMMON), *(field.name for field in kind.fields))
        for field in given:
            if field not in known:
                raise refuse(field, expects("some_of", names=known), "unknown")
        try:
            probability = plain_number(given.get("probability", 1))
            if not 0 <= probability <= 1:
                raise WrongValueError
        except WrongValueError as error:
            raise refuse("probability", expects("number", least=0, most=1)) from error
        try:
            return cls(kind.name, probability, read_fields(kind.fields, given))
        except WrongFieldError as error:
            raise refuse(error.field.name, error.field.expects) from error


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
            raise _refuse("The recipe is something else", "recipe", expects("recipe"), given, "kind")
        for field in given:
            if field not in _TOP_LEVEL:
                wanted = expects("some_of", names=tuple(sorted(_TOP_LEVEL)))
                raise _refuse(f"`{field}` is no field of a recipe", str(field), wanted, given[field], "unknown")
        _whole("version", given.get("version", VERSION), least=VERSION, most=VERSION)
        operations = given.get("operations")
        if not isinstance(operations, (list, tuple)) or len(operations) > MOST_OPERATIONS:
            wanted = expects("operations", most=MOST_OPERATIONS)
            raise _refuse("`operations` is missing or something else", "operations", wanted, operations, "kind")
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
            raise _refuse("The recipe is no JSON", "recipe", expects("recipe_json"), None, "json") from error
        return cls.from_json(given)


def _whole(field: str, given: Any, *, least: int, most: int) -> int:
    try:
        return whole_number(given, least=least, most=most)
    except WrongValueError as error:
        wanted = expects("whole", least=least, most=most) if least < most else expects("only_number", number=least)
        raise _refuse(f"`{field}` of the recipe is {_shown(given)}", field, wanted, given) from error


def _refuse(complaint: str, field: str, wanted: Expects, given: Any, about: Complaint = "value") -> InvalidRecipe:
    return InvalidRecipe(
        f"{complaint}; give {wanted}.", field=field, complaint=about, given=shown_briefly(given), expects=wanted
    )


def _shown(given: Any) -> str:
    return shown_briefly(given) or "missing"
