"""What jobs find out about rows is written as it is, and nothing else is touched; on PostgreSQL, too."""

from typing import Any

import pytest

from feira.shop.datasets.models import Snapshot, SnapshotRow
from feira.shop.datasets.row_columns import write_column

SAID: list[Any] = [{"model": "mañana/1", "scores": [{"label": 'a "hat"; \\', "confidence": 0.25}]}, None, [1, -2.5]]


@pytest.mark.django_db
def test_a_column_of_many_rows_is_written_by_one_query_and_no_other_column(
    django_assert_num_queries: Any,
) -> None:
    snapshot = Snapshot.objects.create(identity={})
    made = [
        SnapshotRow(snapshot=snapshot, position=place, key=f"p{place}", listing_id=1, photo_id=place, images=[place])
        for place in range(3)
    ]
    SnapshotRow.objects.bulk_create(made)
    first, second, third = SnapshotRow.objects.order_by("position")
    first.predictions, second.predictions, second.images = SAID, [], [7]
    with django_assert_num_queries(1):
        write_column([first, second], "predictions")
    third.predictions = [3]
    write_column([third], "predictions")
    write_column([], "predictions")
    rows = SnapshotRow.objects.order_by("position").values_list("predictions", "images")
    assert list(rows) == [(SAID, [0]), ([], [1]), ([3], [2])]
    # Written as the database knows JSON, not as text that looks like it.
    assert SnapshotRow.objects.get(predictions__0__model="mañana/1").position == 0
