"""Reads single values from a URL; what makes no sense becomes nothing, so that an old link still finds something."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from django.http import QueryDict

from feira.core.images.cropping import Crop
from feira.shop.listings.tags import COLOURS

ATTRIBUTE = "attr_"
MOST_ATTRIBUTES = 10
MOST_VALUES = 20
MOST_EXAMPLES = 8
EVEN_BALANCE, MOST_BALANCE = 50, 100
_MOST_PRICE = Decimal("9999999999.99")


def read_text(value: str | None, *, most: int) -> str:
    """Read one line of text."""
    # A NUL is refused by PostgreSQL, and a lone surrogate by UTF-8.
    plain = (value or "").replace("\0", "").encode("utf-8", "ignore").decode()
    return " ".join(plain.split())[:most].strip()


def read_number(value: str | None) -> int | None:
    """Read the number of a row."""
    digits = value or ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def read_numbers(values: Iterable[str]) -> tuple[int, ...]:
    """Read the numbers of a few rows, each once, in the order given."""
    numbers = (read_number(value) for value in values)
    return tuple(dict.fromkeys(number for number in numbers if number is not None))[:MOST_EXAMPLES]


def read_price(value: str | None) -> Decimal | None:
    """Read a price."""
    try:
        price = Decimal((value or "").strip())
        return price.quantize(Decimal("0.01")) if price.is_finite() and 0 <= price <= _MOST_PRICE else None
    except InvalidOperation:
        return None


def read_attributes(parameters: QueryDict) -> dict[str, tuple[str, ...]]:
    """Read the values of choice attributes, by code."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(parameters):
        code = read_text(name.removeprefix(ATTRIBUTE), most=40)
        values = {read_text(value, most=60) for value in parameters.getlist(name)} - {""}
        if name.startswith(ATTRIBUTE) and code and values and len(found) < MOST_ATTRIBUTES:
            found[code] = tuple(sorted(values)[:MOST_VALUES])
    return found


def read_crop(value: str | None) -> Crop | None:
    """Read a rectangle; the whole picture is none."""
    try:
        crop = Crop.from_text(value or "")
    except ValueError:
        return None
    return None if crop.is_whole else crop


def read_balance(value: str | None) -> int:
    """Read how much the photo counts against the words, 0 to 100."""
    number = read_number(value)
    return EVEN_BALANCE if number is None or number > MOST_BALANCE else number


def read_colours(values: Iterable[str]) -> tuple[str, ...]:
    """Read names of colours, each once, in the order of the palette."""
    asked = {value.strip().lower() for value in values}
    return tuple(name for name in COLOURS if name in asked)
