"""Questions about queries, answered from the search log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.db.models import Avg, Count, F, FloatField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, TruncDate
from django.utils import timezone

from feira.shop.feedback.models import Click, JudgedQuery, Judgement, SearchLog

Order = Literal["top", "without_results", "few_clicks", "slow"]
ORDERS: tuple[Order, ...] = ("top", "without_results", "few_clicks", "slow")
MOST_ROWS = 100
# Fewer searches say nothing about how often an answer is opened or how long it takes.
LEAST_SEARCHES = {"few_clicks": 5, "slow": 3}


@dataclass(frozen=True, slots=True)
class Totals:
    """All searches of a period; shares are None without searches."""

    searches: int
    queries: int
    without_results: float | None
    clicks_per_search: float | None
    mean_ms: float | None
    judgements: int


def totals(since: datetime) -> Totals:
    """Count what happened since a moment, in three queries."""
    searched = _first_pages(since).aggregate(
        count=Count("pk"),
        queries=Count("key", distinct=True),
        without=Count("pk", filter=Q(total=0)),
        ms=Avg("took_ms"),
    )
    count = searched["count"]
    clicks = Click.objects.filter(at__gte=since).count()
    return Totals(
        searches=count,
        queries=searched["queries"],
        without_results=searched["without"] / count if count else None,
        clicks_per_search=clicks / count if count else None,
        mean_ms=searched["ms"],
        judgements=Judgement.objects.filter(at__gte=since).count(),
    )


def queries(order: Order, since: datetime, *, most: int = MOST_ROWS) -> list[dict[str, Any]]:
    """Return queries since a moment with their figures, in one query.

    Ordered by searches, by searches without result, by clicks per search from the fewest, or by mean time.
    """
    clicks = Click.objects.filter(key=OuterRef("key"), at__gte=since).order_by().values("key").annotate(n=Count("pk"))
    rows = (
        _first_pages(since)
        .values("key")
        .annotate(
            text=Max("text"),
            searches=Count("pk"),
            without_results=Count("pk", filter=Q(total=0)),
            mean_ms=Avg("took_ms"),
            slowest_ms=Max("took_ms"),
            last_at=Max("at"),
            clicks=Coalesce(Subquery(clicks.values("n")[:1]), Value(0)),
        )
    )
    if order == "without_results":
        rows = rows.filter(without_results__gt=0).order_by("-without_results", "key")
    elif order == "few_clicks":
        # What finds nothing has a list of its own.
        rows = rows.filter(searches__gte=LEAST_SEARCHES[order], without_results__lt=F("searches"))
        per_search = Cast(F("clicks"), FloatField()) / Cast(F("searches"), FloatField())
        rows = rows.annotate(per_search=per_search).order_by("per_search", "-searches", "key")
    elif order == "slow":
        rows = rows.filter(searches__gte=LEAST_SEARCHES[order]).order_by("-mean_ms", "key")
    else:
        rows = rows.order_by("-searches", "key")
    return [dict(row) for row in rows[:most]]


def by_day(since: datetime, *, key: str | None = None) -> list[tuple[date, int, int]]:
    """Return day, searches and searches without result for each day since a moment, days without any among them."""
    logged = _first_pages(since)
    if key is not None:
        logged = logged.filter(key=key)
    rows = logged.values(day=TruncDate("at")).annotate(count=Count("pk"), without=Count("pk", filter=Q(total=0)))
    found = {row["day"]: (row["count"], row["without"]) for row in rows.order_by("day")}
    first, last = timezone.localdate(since), timezone.localdate()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, *found.get(day, (0, 0))) for day in days]


def judged_queries(*, most: int = MOST_ROWS) -> list[dict[str, Any]]:
    """Return the queries with most judgements and how many say right and wrong, in one query."""
    rows = JudgedQuery.objects.annotate(
        right=Count("judgements", filter=Q(judgements__value=1)),
        wrong=Count("judgements", filter=Q(judgements__value=-1)),
        listings=Count("judgements__listing", distinct=True),
        last_at=Max("judgements__at"),
    ).filter(Q(right__gt=0) | Q(wrong__gt=0))
    columns = ("key", "text", "right", "wrong", "listings", "last_at")
    return list(rows.annotate(said=F("right") + F("wrong")).order_by("-said", "key").values(*columns)[:most])


def newest_judgement() -> int:
    """Return the number of the newest judgement, 0 for none."""
    return Judgement.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def texts_of(keys: Iterable[str]) -> dict[str, str]:
    """Return what was typed for these judged queries."""
    return dict(JudgedQuery.objects.filter(key__in=list(keys)).values_list("key", "text"))


def _first_pages(since: datetime) -> QuerySet[SearchLog]:
    """List searches; the pages after the first are the same search going on."""
    return SearchLog.objects.filter(at__gte=since, first_position=1).order_by()
