"""What the shop does with feedback: writes it down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from feira.settings import load_settings
from feira.shop.feedback.keys import MOST_TEXT, query_key
from feira.shop.feedback.models import Click, JudgedQuery, JudgedWord, Judgement, SearchLog
from feira.shop.feedback.names import Name, resolve_names
from feira.shop.feedback.people import Person
from feira.shop.feedback.search_log import recorder
from feira.shop.jobs import services as jobs
from feira.shop.photos.selectors import Visitor

MOST_SHOWN = 200
MOST_POSITION = 100_000
# Who looks around opens several results; what follows from them is done once.
LOOKS_AROUND = timedelta(seconds=20)
_DELETED_AT_ONCE = 5_000


def record_search(
    *,
    key: str,
    text: str,
    listing_ids: Sequence[int],
    total: int,
    took_ms: float,
    person: Person,
    first_position: int = 1,
) -> None:
    """Write down that these listings were shown for a query, at the places from `first_position` on.

    Never fails and never waits for the database, unless the settings say so. An empty key (somebody just browses) is no
    query and is not written down.
    """
    if not key:
        return
    recorder().add(
        SearchLog(
            key=key,
            text=text[:MOST_TEXT],
            listing_ids=list(listing_ids[:MOST_SHOWN]),
            first_position=max(first_position, 1),
            total=total,
            took_ms=took_ms,
            visitor=person.visitor,
            at=timezone.now(),
        )
    )


@transaction.atomic
def record_click(*, key: str, listing_id: int, position: int, person: Person) -> None:
    """Write down that somebody opened a result; the listing must exist and be visible to them.

    Of people with an account it is announced as `feedback.result_opened`, at most once in `LOOKS_AROUND`.
    """
    place = min(max(position, 1), MOST_POSITION)
    Click.objects.create(key=key, listing_id=listing_id, position=place, visitor=person.visitor)
    if person.account_id is not None:
        payload, later = {"account_id": person.account_id}, timezone.now() + LOOKS_AROUND
        jobs.announce("feedback.result_opened", payload, key=f"{person.account_id} opened", run_after=later)


@transaction.atomic
def judge(*, key: str, text: str, listing_id: int, value: int, person: Person) -> None:
    """Keep what a person says about a result: 1 right, −1 wrong, 0 takes it back; the last word counts.

    Saying the same again renews it. It counts from the next search on.
    """
    if value == 0:
        Judgement.objects.filter(query__key=key, listing=listing_id, person=person.name).delete()
        return
    _keep(_judged_query(key, text), {listing_id: value}, person)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a set of feedback: what is right and what is wrong for one query."""

    query: str
    positive: Sequence[Name] = ()
    negative: Sequence[Name] = ()


def take_feedback(items: Sequence[Item], *, person: Person, visitor: Visitor) -> list[dict[str, Any]]:
    """Keep what can be kept of a set of feedback and report about each entry, in order.

    A name that leads to no listing, to several, or that is called right and wrong at once is reported; all others
    count. Who sends an opinion again replaces it.
    """
    resolved = resolve_names([name for item in items for name in (*item.positive, *item.negative)], visitor)
    reports = []
    with transaction.atomic():
        for item in items:
            right = {resolved.found[name]: name for name in item.positive if name in resolved.found}
            wrong = {resolved.found[name]: name for name in item.negative if name in resolved.found}
            both = right.keys() & wrong.keys()
            key = query_key(item.query)
            said = {pk: 1 for pk in right if pk not in both} | {pk: -1 for pk in wrong if pk not in both}
            if key and said:
                _keep(_judged_query(key, item.query), said, person)
            reports.append(
                {
                    "query": item.query,
                    "accepted": len(said) if key else 0,
                    "unknown": _among(item, resolved.unknown),
                    "ambiguous": [
                        {"name": name, "ids": list(resolved.ambiguous[name])}
                        for name in _among(item, resolved.ambiguous)
                    ],
                    "contradictory": [right[pk] for pk in sorted(both)],
                    "problem": None if key else "The query has no words.",
                }
            )
    return reports


def forget_old_feedback() -> int:
    """Delete searches, clicks and judgements older than the settings keep; return how many."""
    before = timezone.now() - timedelta(days=load_settings().feedback_keep_days)
    gone = 0
    for rows in (SearchLog.objects.all(), Click.objects.all(), Judgement.objects.all()):
        while old := list(rows.filter(at__lt=before).values_list("pk", flat=True)[:_DELETED_AT_ONCE]):
            gone += rows.filter(pk__in=old).delete()[0]
    JudgedQuery.objects.filter(judgements__isnull=True, created_at__lt=before).delete()
    return gone


def _judged_query(key: str, text: str) -> JudgedQuery:
    words = key.split()
    query, is_new = JudgedQuery.objects.get_or_create(
        key=key, defaults={"text": " ".join(text.replace("\0", "").split())[:MOST_TEXT], "word_count": len(words)}
    )
    if is_new:
        JudgedWord.objects.bulk_create([JudgedWord(word=word, query=query) for word in words])
        jobs.submit("feedback.link_near_queries", {}, key="all")
    return query


def _keep(query: JudgedQuery, said: Mapping[int, int], person: Person) -> None:
    now = timezone.now()
    rows = [
        Judgement(
            query=query,
            listing_id=listing_id,
            value=value,
            account_id=person.account_id,
            person=person.name,
            origin=person.origin,
            at=now,
        )
        for listing_id, value in said.items()
    ]
    Judgement.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["query", "listing", "person"],
        update_fields=["value", "origin", "at"],
    )


def _among(item: Item, names: Mapping[Name, object] | Sequence[Name]) -> list[Name]:
    return [name for name in dict.fromkeys((*item.positive, *item.negative)) if name in names]
