"""What people looked for: kept for them alone, and only while they want it."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.search.models import MOST_NAME, MOST_PARAMETERS, HistoryPause, PastSearch
from feira.shop.search.query import SearchQuery

MOST_KEPT = 100


def past_searches_of(account: Account) -> QuerySet[PastSearch]:
    """List what an account looked for, the latest first."""
    return PastSearch.objects.filter(account=account).order_by("-at", "-pk")


def is_paused(account: Account) -> bool:
    """Tell whether nothing is to be remembered."""
    return HistoryPause.objects.filter(account=account).exists()


def remember(*, account: Account, query: SearchQuery, name: str, total: int) -> None:
    """Put a query on top of an account's history; the oldest falls off the end."""
    parameters = query.changed().to_url()
    if not parameters or len(parameters) > MOST_PARAMETERS or is_paused(account):
        return
    _row, is_new = PastSearch.objects.update_or_create(
        account=account,
        parameters=parameters,
        defaults={"name": (name or parameters)[:MOST_NAME], "total": total, "at": timezone.now()},
    )
    if is_new:
        beyond = past_searches_of(account).values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 20]
        PastSearch.objects.filter(pk__in=list(beyond)).delete()


def forget(*, account: Account, search_id: int | None = None) -> int:
    """Remove one past search, or all of them; return how many."""
    rows = PastSearch.objects.filter(account=account)
    deleted, _by_model = (rows if search_id is None else rows.filter(pk=search_id)).delete()
    return deleted


@transaction.atomic
def pause(*, account: Account) -> None:
    """Remember nothing from now on; what is there stays until it is forgotten."""
    HistoryPause.objects.get_or_create(account=account)


def resume(*, account: Account) -> None:
    """Remember searches again."""
    HistoryPause.objects.filter(account=account).delete()
