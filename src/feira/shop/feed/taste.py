"""Keeping each account's taste: found by a job, so that no page waits for it. See docs/explanation/taste.md."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from feira.shop.accounts.models import Account
from feira.shop.feed.finding_taste import PEOPLE_AT_ONCE, FoundTastes, live_settings, serving_encoder
from feira.shop.feed.models import Taste
from feira.shop.feed.signs import drifted, people_with_taste
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import State

UPDATE: Final = "feed.update_taste"
# Signs fade, and what was recommended is sold: after so long a row is made anew although nothing was liked.
FRESH_FOR: Final = timedelta(days=1)


def ask_for_update(account: Account) -> None:
    """Ask for an account's taste to be found anew, unless it does not want that; part of the caller's transaction."""
    if account.taste == Account.Taste.OFF:
        return
    # A job that runs already may have read what was liked before this; a waiting one has not.
    for key in (f"{account.pk}", f"{account.pk} again"):
        if jobs.submit(UPDATE, {"account_id": account.pk}, key=key).state != State.RUNNING:
            return
    jobs.submit(UPDATE, {"account_id": account.pk})


@transaction.atomic
def keep_tastes(found: FoundTastes) -> int:
    """Store what was found; return for how many accounts.

    Left out are those who meanwhile do not want it or had it forgotten, and rows made of something newer.
    """
    # Who has their taste forgotten changes the account first, too: one waits for the other.
    wanting = Account.objects.select_for_update().filter(
        Q(taste_since__isnull=True) | Q(taste_since__lte=found.at), pk__in=found.tastes
    )
    wanting = wanting.exclude(taste=Account.Taste.OFF).order_by("pk")
    before = dict(wanting.values_list("pk", "taste"))
    newer = Taste.objects.filter(pk__in=before, updated_at__gt=found.at).values_list("pk", flat=True)
    kept = {pk: found.tastes[pk] for pk in sorted(set(before).difference(newer))}
    rows = [
        Taste(
            account_id=pk,
            encoder_id=found.encoder_id,
            settings_version=found.settings_version,
            interests=taste.interests,
            recommended=taste.recommended,
            updated_at=found.at,
        )
        for pk, taste in kept.items()
    ]
    Taste.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["encoder_id", "settings_version", "interests", "recommended", "updated_at"],
    )
    for state in (Account.Taste.KEPT, Account.Taste.NONE):
        now = [pk for pk, taste in kept.items() if bool(taste.recommended) == (state == Account.Taste.KEPT)]
        Account.objects.filter(pk__in=[pk for pk in now if before[pk] != state]).update(taste=state)
    return len(kept)


@transaction.atomic
def forget_taste(account: Account) -> None:
    """Forget an account's taste; what was liked or opened before now counts no more, hearts stay where they are."""
    rows = Account.objects.filter(pk=account.pk)
    rows.update(taste_since=timezone.now())
    rows.filter(taste=Account.Taste.KEPT).update(taste=Account.Taste.NONE)
    Taste.objects.filter(pk=account.pk).delete()


@transaction.atomic
def want_taste(account: Account, *, is_wanted: bool) -> None:
    """Keep taste for an account, of what it liked so far, or keep none from now on; twice is once."""
    if is_wanted == (account.taste != Account.Taste.OFF):
        return
    account.taste = Account.Taste.NONE if is_wanted else Account.Taste.OFF
    Account.objects.filter(pk=account.pk).update(taste=account.taste)
    if is_wanted:
        ask_for_update(account)
    else:
        Taste.objects.filter(pk=account.pk).delete()


def drifted_people() -> QuerySet[Account]:
    """List the accounts whose taste is to be found anew: by another encoder or settings, a day old, or missing a heart.

    Raises:
        EngineUnavailable: nobody can tell by which encoder.
    """
    version, _settings = live_settings()
    oldest = timezone.now() - FRESH_FOR
    return drifted(people_with_taste(), encoder_id=serving_encoder(), settings_version=version, oldest=oldest)


def ranges_of(people: QuerySet[Account]) -> Iterator[str]:
    """Yield the ranges of numbers in which these accounts are, as in `16-31`."""
    last = -1
    for account_id in people.order_by("pk").values_list("pk", flat=True).iterator():
        if account_id // PEOPLE_AT_ONCE != last:
            last = account_id // PEOPLE_AT_ONCE
            yield f"{last * PEOPLE_AT_ONCE}-{(last + 1) * PEOPLE_AT_ONCE - 1}"


def accounts_in(name: str, people: QuerySet[Account]) -> list[int]:
    """Return the numbers of those of the people who are in a range."""
    first, last = (int(number) for number in name.split("-"))
    return list(people.filter(pk__range=(first, last)).values_list("pk", flat=True))
