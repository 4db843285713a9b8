"""What the doctor finds: one line each, with what to do about it."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`fail` keeps the shop from working, `warn` keeps a part of it from working or will do so later."""

    name: str
    level: Literal["ok", "warn", "fail"]
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as data."""
        return asdict(self)


def ok(name: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(name, "ok", text)


def warn(name: str, text: str, advice: str) -> Finding:
    """Works, but not wholly or not for long."""
    return Finding(name, "warn", text, advice)


def fail(name: str, text: str, advice: str) -> Finding:
    """Does not work."""
    return Finding(name, "fail", text, advice)
