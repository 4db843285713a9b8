"""What jobs find out about the rows of a snapshot, written many rows at a time."""

import json
from collections.abc import Sequence
from typing import Final, Literal

from django.db import connection

from feira.shop.datasets.models import SnapshotRow

Column = Literal["images", "predictions"]

# One plain statement for each row, prepared once: `bulk_update` makes a condition for each, which costs ten times more.
_UPDATES: Final[dict[Column, str]] = {
    "images": "UPDATE datasets_snapshotrow SET images = %s WHERE id = %s",
    "predictions": "UPDATE datasets_snapshotrow SET predictions = %s WHERE id = %s",
}


def write_column(rows: Sequence[SnapshotRow], column: Column) -> None:
    """Write one column of rows as they are in memory; belongs into a transaction with the note that they are done."""
    with connection.cursor() as cursor:
        cursor.executemany(_UPDATES[column], [(json.dumps(getattr(row, column)), row.pk) for row in rows])
