"""What is to be chosen about taste: how soon it fades, how many interests somebody has, what a look counts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from feira.core.errors import FeiraError

FORMAT: Final = "feira-taste-1"
BOUNDS: Final = {"half_life_days": (1.0, 3650.0), "most_interests": (1, 8), "opened_weight": (0.0, 1.0)}


class InvalidTasteSettings(FeiraError):
    """Bytes that should hold settings of taste hold something else, or settings out of bounds."""

    code = "invalid_taste_settings"


@dataclass(frozen=True, slots=True)
class TasteSettings:
    """Settings of taste; the defaults were set by hand and serve until people liked enough to choose better ones.

    Attributes:
        half_life_days: a sign counts half as much after so many days.
        most_interests: somebody has at most so many.
        opened_weight: what opening a result counts, when a heart counts 1.
    """

    half_life_days: float = 30.0
    most_interests: int = 5
    opened_weight: float = 0.3

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            kinds = (int,) if isinstance(least, int) else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool) or not least <= value <= most:
                raise InvalidTasteSettings(f"`{name}` is {value!r}; it has to be from {least} to {most}.")

    def pack(self) -> bytes:
        """Return the settings as JSON, for `unpack`."""
        return json.dumps({"format": FORMAT, "settings": asdict(self)}, sort_keys=True).encode()

    @classmethod
    def unpack(cls, content: bytes) -> "TasteSettings":
        """Read what `pack` wrote.

        Raises:
            InvalidTasteSettings: the bytes are something else, or a setting is missing, unknown or out of bounds.

        >>> TasteSettings.unpack(TasteSettings(most_interests=3).pack()).most_interests
        3
        """
        try:
            read = json.loads(content)
        except ValueError as error:
            raise InvalidTasteSettings("The settings of taste are no JSON. Retrain taste.") from error
        given = read.get("settings") if isinstance(read, Mapping) and read.get("format") == FORMAT else None
        if not isinstance(given, Mapping) or set(given) != {field.name for field in fields(cls)}:
            raise InvalidTasteSettings(f"These are no settings of the format {FORMAT}: {', '.join(BOUNDS)}.")
        return cls(**given)
