"""Opaque cursors for keyset pages: they say where the last row was, so page 500 costs what page 1 costs."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from feira.core.errors import FeiraError


class InvalidCursor(FeiraError):
    """The cursor was not made by us, or belongs to another list."""

    code = "invalid_cursor"


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list and the cursor of the next one, None at the end."""

    rows: list[Row]
    next_cursor: str | None


def encode_cursor(*values: Any) -> str:
    """Return the values of the last row's sort keys as URL-safe text.

    >>> decode_cursor(encode_cursor("12.50", 7), length=2)
    ['12.50', 7]
    """
    return base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")


def decode_cursor(text: str, *, length: int) -> list[Any]:
    """Return the values of a cursor.

    Raises:
        InvalidCursor: it was not made by `encode_cursor` with so many values.
    """
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("The cursor is damaged. Start again from the first page.") from error
    if not isinstance(values, list) or len(values) != length:
        raise InvalidCursor("The cursor belongs to another list. Start again from the first page.")
    return values
