"""Keeping the index log short."""

from datetime import timedelta

from django.db.models import Max, Min
from django.utils import timezone

from feira.shop.photos.models import IndexLogEntry

PRUNED_AT_ONCE = 5_000


def prune_index_log(*, upto: int, keep: timedelta) -> int:
    """Delete log entries up to `upto` that are older than `keep`, never the last; return how many.

    An engine that is further behind starts afresh from what is searchable, so nothing is lost but its time. Entries go
    in small transactions, oldest first, because the log must have no gaps at any moment.
    """
    ends = IndexLogEntry.objects.aggregate(first=Min("seq"), last=Max("seq"))
    old = IndexLogEntry.objects.filter(created_at__lt=timezone.now() - keep).aggregate(last=Max("seq"))["last"]
    if ends["last"] is None or old is None:
        return 0
    end = min(upto, ends["last"] - 1, old)
    deleted = 0
    for start in range(ends["first"], end + 1, PRUNED_AT_ONCE):
        some = IndexLogEntry.objects.filter(seq__gte=start, seq__lte=min(start + PRUNED_AT_ONCE - 1, end))
        deleted += some.delete()[0]
    return deleted
