"""Takes values of the expected type out of parsed JSON, or says which one is wrong."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feira.core.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a manifest; every refusal names the file and the field.

    Attributes:
        path: of the manifest, for messages.
        facts: the object's own fields; anything that is no object has none.
    """

    path: Path
    facts: Any

    def __contains__(self, key: str) -> bool:
        return isinstance(self.facts, dict) and key in self.facts

    def wrong(self, key: str, expected: str) -> ManifestError:
        """Return the refusal of one field."""
        return ManifestError(f"{self.path}: `{key}` is missing or is not {expected}.", key=key)

    def get(self, key: str) -> Any:
        """Return a field's value, None when it is not there."""
        return self.facts.get(key) if isinstance(self.facts, dict) else None

    def inside(self, key: str) -> "Fields":
        """Return an object's fields; there are none where it is missing."""
        return Fields(self.path, self.get(key))

    def table(self, key: str) -> "Fields":
        """Return the fields of an object that must be there and hold something."""
        value = self.get(key)
        if not isinstance(value, dict) or not value:
            raise self.wrong(key, "an object with entries")
        return Fields(self.path, value)

    def text(self, key: str, *, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def one_of(self, key: str, choices: Collection[str], *, default: str | None = None) -> str:
        """Return a text that is one of some words."""
        value = self.text(key, default=default)
        if value not in choices:
            known = ", ".join(repr(choice) for choice in choices)
            raise ManifestError(f"{self.path}: `{key}` is {value!r}; {known} can be run.", key=key)
        return value

    def listed(self, key: str, files: Mapping[str, str], *, default: str | None = None) -> str:
        """Return the name of a file that stands under `files` and so was verified."""
        name = self.text(key, default=default)
        if name not in files:
            raise ManifestError(f"{self.path}: `{key}` names {name}, which is not listed under `files`.", key=key)
        return name

    def whole(self, key: str, *, default: int | None = None, least: int = 1) -> int:
        """Return a whole number."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or value < least:
            raise self.wrong(key, f"a whole number of at least {least}")
        return value

    def number(self, key: str, *, default: float, least: float, most: float) -> float:
        """Return a number within bounds."""
        value = self.get(key)
        if value is None:
            return default
        if type(value) not in (int, float) or not least <= value <= most:
            raise self.wrong(key, f"a number from {least} to {most}")
        return float(value)

    def shape(self, *lengths: int) -> list[Any]:
        """Return `shape`, a list of one of these lengths."""
        value = self.get("shape")
        if not isinstance(value, list) or len(value) not in lengths:
            raise self.wrong("shape", f"a list of {' or '.join(map(str, lengths))}")
        return value

    def three(self, key: str, *, default: tuple[float, float, float] | None = None) -> tuple[float, float, float]:
        """Return three numbers, one per colour."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        numeric = isinstance(value, list) and all(type(entry) in (int, float) for entry in value)
        if not numeric or len(value) != 3:
            raise self.wrong(key, "a list of three numbers")
        red, green, blue = map(float, value)
        return red, green, blue

    def settings(self, key: str) -> dict[str, str]:
        """Return an object of texts, empty when it is missing."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
            raise self.wrong(key, "an object of texts")
        return value
