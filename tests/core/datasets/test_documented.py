"""The reference page tells of every format and column as they are."""

from typing import get_args

from feira.core.datasets.closing import Format
from feira.core.datasets.columns import COLUMN_TYPES, ColumnType
from tests.docs.pages import REFERENCE, codes, rows

PAGE = REFERENCE / "dataset-files.md"


def said(kind: ColumnType) -> str:
    """Return a type as the page puts it."""
    if isinstance(kind, list):
        inner = kind[0]
        return "list of strings" if isinstance(inner, str) else "list of " + ", ".join(f"`{name}`" for name in inner)
    assert isinstance(kind, str)
    return kind


def test_every_column_is_documented_in_its_place_with_its_type() -> None:
    documented = [(codes(row[0])[0], row[1]) for row in rows(PAGE, under="Columns")]
    assert documented == [(name, said(kind)) for name, kind in COLUMN_TYPES.items()]


def test_every_format_is_documented() -> None:
    assert [codes(row[0])[0] for row in rows(PAGE, under="Formats")] == list(get_args(Format))
