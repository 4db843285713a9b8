"""One value, one sequence of bytes: JSON as data sets hold it, and the hash that names a data set's content."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson

SIGNIFICANT_DIGITS = 9
_WHOLE_LIMIT = 2**63


def canonical_json(value: Any) -> bytes:
    """Return the value as JSON in UTF-8: keys sorted by code point, no spaces, equal values in equal bytes.

    Floats are rounded to nine significant digits, so that noise of the last bits does not change a file; minus zero
    becomes zero. A `Decimal` becomes a whole number where it is one, else such a float. Tuples are lists.

    Raises:
        ValueError: a number is infinite, not a number or beyond 64 bits, a text has half a surrogate pair, a key is
            not a text, or the value is of a kind that JSON does not know; the message says where.
    """
    try:
        return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)
    except _Unfit as error:
        raise ValueError(f"${error.where} {error.why}") from error
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise ValueError(f"This cannot be written as JSON: {error}.") from error


def rounded(number: float) -> float:
    """Return the number with nine significant digits and without a minus before zero."""
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}") + 0.0


class _Unfit(Exception):
    """A value that no JSON holds; the way to it is put together only when somebody will read it."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.why, self.where = why, where


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        if not -_WHOLE_LIMIT <= value < _WHOLE_LIMIT:
            raise _Unfit(f"is {value}: whole numbers beyond 64 bits cannot be kept.")
        return value
    if kind is float or kind is Decimal:
        return _number(value)
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise _Unfit(f"has the key {odd[0]!r}: keys are texts.")
        return {key: _inside(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_inside(each, place) for place, each in enumerate(value)]
    raise _Unfit(f"is a {kind.__name__}: that cannot be kept.")


def _inside(value: Any, place: str | int) -> Any:
    try:
        return _plain(value)
    except _Unfit as error:
        step = f".{place}" if isinstance(place, str) else f"[{place}]"
        raise _Unfit(error.why, step + error.where) from error


def _number(value: float | Decimal) -> int | float:
    if not math.isfinite(value):
        raise _Unfit(f"is {value}: only finite numbers can be kept.")
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < _WHOLE_LIMIT:
        return int(value)
    return rounded(float(value))


def content_hash(
    *,
    request: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    format_version: int,
    libraries: Mapping[str, str],
    encoders: Iterable[str] = (),
    seeds: Mapping[str, int] | None = None,
) -> str:
    """Return the SHA-256, 64 hex digits, of everything that decides a data set's bytes; memory stays flat.

    Args:
        request: what was asked for, as JSON.
        rows: what was found, in the order of their keys; `Record.facts()` or less.
        format_version: of the layout, `layout.FORMAT_VERSION`.
        libraries: package → version, of those whose version changes bytes (`layout.libraries()`).
        encoders: ids of the models whose answers are in the data set, in any order.
        seeds: name → seed.

    Raises:
        ValueError: see `canonical_json`.
    """
    head = {
        "request": request,
        "format_version": format_version,
        "libraries": libraries,
        "encoders": sorted(set(encoders)),
        "seeds": seeds or {},
    }
    digest = hashlib.sha256(canonical_json(head))
    for row in rows:
        # JSON without spaces holds no line break, so no two lists of rows run together to the same bytes.
        digest.update(b"\n")
        digest.update(canonical_json(row))
    return digest.hexdigest()
