"""The index log is shortened without gaps, and what it says can still be had."""

from datetime import timedelta

import pytest
from django.utils import timezone

from feira.shop.photos.models import IndexLogEntry
from feira.shop.photos.pruning import prune_index_log

pytestmark = pytest.mark.django_db


def a_log(count: int, *, old: int) -> None:
    """Write entries, the first `old` of which are two days old."""
    now = timezone.now()
    IndexLogEntry.objects.bulk_create(
        [
            IndexLogEntry(seq=seq, op=1, photo_id=seq, created_at=now - timedelta(days=2 if seq <= old else 0))
            for seq in range(1, count + 1)
        ]
    )


def left() -> list[int]:
    return list(IndexLogEntry.objects.order_by("seq").values_list("seq", flat=True))


@pytest.mark.parametrize(
    ("upto", "old", "first_left"),
    [(6, 8, 7), (8, 6, 7), (10, 10, 10), (99, 10, 10), (0, 10, 1), (9, 0, 1)],
)
def test_entries_go_that_are_old_and_in_every_snapshot_but_never_the_last(
    upto: int, old: int, first_left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feira.shop.photos.pruning.PRUNED_AT_ONCE", 4)
    a_log(10, old=old)
    assert prune_index_log(upto=upto, keep=timedelta(days=1)) == first_left - 1
    assert left() == list(range(first_left, 11))
    assert prune_index_log(upto=upto, keep=timedelta(days=1)) == 0


def test_an_empty_log_has_nothing_to_lose() -> None:
    assert prune_index_log(upto=5, keep=timedelta()) == 0
