"""How an exported photo is sized and encoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, get_args

from feira.core.augment.expects import Expects, expects
from feira.core.augment.fields import (
    Choice,
    Complaint,
    InvalidRule,
    Whole,
    WrongFieldError,
    read_fields,
    shown_briefly,
)
from feira.core.augment.geometry import LARGEST_SIDE, Size

Fit = Literal["original", "longest", "shorter", "square"]
ExportFormat = Literal["jpeg", "png", "webp"]

MEDIA_TYPES: Final[Mapping[str, str]] = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
SUFFIXES: Final[Mapping[str, str]] = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}

FIELDS: Final = (
    Choice("fit", "what the size means", get_args(Fit), "longest"),
    Whole("size", "of the longest or shorter side, or of the square", 1, LARGEST_SIDE, None, "pixels"),
    Choice("format", "of the files", get_args(ExportFormat), "jpeg"),
    Whole("quality", "of JPEG and WebP files", 1, 100, 90),
)
_DEFAULT_SIZE = 512


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Size and format of every exported photo; hashable, and the same after a way through JSON.

    Attributes:
        fit: `original` keeps every pixel; `longest` and `shorter` bring that side down to `size` and never enlarge;
            `square` cuts the centre square and brings it to exactly `size`, enlarging where it must.
        size: in pixels, 1..4096; None for `original`.
        format: of the files. PNG keeps every level and is several times larger.
        quality: 1..100 of JPEG and WebP; PNG has none.

    Raises:
        InvalidRule: a value is not allowed; the message names it.
    """

    fit: Fit = "longest"
    size: int | None = _DEFAULT_SIZE
    format: ExportFormat = "jpeg"
    quality: int = 90

    def __post_init__(self) -> None:
        given = {"fit": self.fit, "size": self.size, "format": self.format, "quality": self.quality}
        try:
            read_fields(FIELDS, given)
        except WrongFieldError as error:
            raise _wrong(error.field.name, given[error.field.name], error.field.expects) from error
        if self.quality is None:
            raise _wrong("quality", None, expects("whole", least=1, most=100))
        if self.fit == "original" and self.size is not None:
            raise _wrong("size", self.size, expects("null_for_original"))
        if self.fit != "original" and self.size is None:
            raise _wrong("size", None, expects("whole", least=1, most=LARGEST_SIDE, unit="pixels"))
        if self.format == "png" and self.quality != 90:
            object.__setattr__(self, "quality", 90)  # rules that make the same files are equal

    @property
    def media_type(self) -> str:
        """Of the files, such as `image/jpeg`."""
        return MEDIA_TYPES[self.format]

    @property
    def suffix(self) -> str:
        """Of file names, such as `.jpg`."""
        return SUFFIXES[self.format]

    def size_for(self, size: Size) -> Size:
        """Return the (width, height) of a photo of the given size under this rule.

        >>> ImageRule("longest", 320).size_for((640, 480)), ImageRule("shorter", 320).size_for((640, 480))
        ((320, 240), (427, 320))
        """
        if self.size is None:
            return size
        if self.fit == "square":
            return self.size, self.size
        reference = max(size) if self.fit == "longest" else min(size)
        if reference <= self.size:
            return size
        return max(1, round(size[0] * self.size / reference)), max(1, round(size[1] * self.size / reference))

    def part_of(self, size: Size) -> tuple[float, float, float, float]:
        """Return which part of a photo is kept (left, top, right, bottom): all of it, or the centre square."""
        if self.fit != "square" or size[0] == size[1]:
            return 0, 0, *size
        side = min(size)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        return left, top, left + side, top + side

    def as_json(self) -> dict[str, Any]:
        """Return the rule as `from_json` reads it; quality is null for PNG."""
        quality = None if self.format == "png" else self.quality
        return {"fit": self.fit, "size": self.size, "format": self.format, "quality": quality}

    @classmethod
    def from_json(cls, given: Any) -> Self:
        """Check a rule that came as parsed JSON; what is left out takes its default.

        Raises:
            InvalidRule: naming the field and what is allowed.
        """
        names = tuple(field.name for field in FIELDS)
        if not isinstance(given, Mapping):
            raise _wrong("image rule", given, expects("object_of", names=names), "kind")
        for name in given:
            if name not in names:
                raise _wrong(str(name), given[name], expects("some_of", names=names), "unknown")
        kept = {name: value for name, value in given.items() if not (name == "quality" and value is None)}
        if "size" not in kept and kept.get("fit") == "original":
            kept["size"] = None
        return cls(**kept)


def _wrong(field: str, given: Any, wanted: Expects, complaint: Complaint = "value") -> InvalidRule:
    shown = shown_briefly(given)
    message = f"`{field}` of the image rule is {shown or 'missing'}; give {wanted}."
    return InvalidRule(message, field=field, complaint=complaint, given=shown, expects=wanted)
