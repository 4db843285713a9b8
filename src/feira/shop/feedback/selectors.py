"""Questions about feedback."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from feira.core.recommend.votes import Vote, nearness, signal
from feira.settings import load_settings
from feira.shop.accounts.models import Account
from feira.shop.feedback.models import JudgedQuery, JudgedWord, Judgement, NearQuery
from feira.shop.feedback.people import Person
from feira.shop.photos.selectors import Visitor

DAY_S = 86_400.0
MOST_NEAR = 50
MOST_CANDIDATES = 200
MOST_VOTES = 2_000


def signal_for(key: str, *, now: datetime | None = None) -> dict[int, float]:
    """Return what people said about listings for this query and near ones, each within (−1, 1); two queries at most.

    Bounded, decaying, and nobody counts twice: see `feira.core.recommend.votes`. Of the newest `MOST_VOTES` votes.
    """
    queries = near_queries(key)
    if not queries:
        return {}
    now = now or timezone.now()
    rows = Judgement.objects.filter(query__in=queries).order_by("-at", "-pk")
    columns = ("query_id", "listing_id", "value", "person", "origin", "at")
    votes = (
        Vote(listing_id, value, person, origin, (now - at).total_seconds(), queries[query_id])
        for query_id, listing_id, value, person, origin, at in rows.values_list(*columns)[:MOST_VOTES]
    )
    return signal(votes, half_life_s=load_settings().feedback_half_life_days * DAY_S)


def near_queries(key: str) -> dict[int, float]:
    """Return the judged queries that say something about this one and how near they are, at most `MOST_NEAR`.

    By common words, and by meaning where a job has compared their text vectors. One query.
    """
    words = key.split()
    if not words:
        return {}
    by_words = (
        JudgedWord.objects.filter(word__in=words)
        .values("query_id")
        .annotate(shared=Count("pk"))
        # The query itself has all of the words and no other: it is first.
        .order_by("-shared", "query__word_count", "-query_id")
        .values("query_id")[:MOST_CANDIDATES]
    )
    linked = NearQuery.objects.filter(key=key)
    candidates = JudgedQuery.objects.filter(Q(pk__in=by_words) | Q(pk__in=linked.values("query"))).annotate(
        by_meaning=Subquery(linked.filter(query=OuterRef("pk")).values("nearness")[:1])
    )
    found = {
        pk: max(nearness(key, other), by_meaning or 0.0)
        for pk, other, by_meaning in candidates.values_list("pk", "key", "by_meaning")
    }
    best = sorted((pk for pk in found if found[pk] > 0), key=lambda pk: (-found[pk], -pk))[:MOST_NEAR]
    return {pk: found[pk] for pk in best}


def may_download_feedback(visitor: Visitor) -> bool:
    """Tell whether this visitor may download what people judged and clicked: the ML team, and administrators."""
    return isinstance(visitor, Account) and visitor.has_perm("feedback.download_feedback")


def own_judgements(person: Person, key: str, listing_ids: Collection[int]) -> dict[int, int]:
    """Return what this person said about these listings for this query: 1 or −1 for each that was judged. One query."""
    if not key or not listing_ids or (person.account_id is None and not person.visitor):
        return {}
    said = Judgement.objects.filter(query__key=key, person=person.name, listing__in=listing_ids)
    return dict(said.values_list("listing_id", "value"))


def judged_pairs() -> dict[str, dict[int, float]]:
    """Return for each judged query its listings with the mean of what people said, oldest query first.

    Of one person's opinions there is one; what cancels out to 0 is left out. For training and evaluation: it reads
    all judgements.
    """
    sums: dict[str, dict[int, list[int]]] = {}
    rows = Judgement.objects.order_by("query_id", "listing_id").values_list("query__key", "listing_id", "value")
    for key, listing_id, value in rows.iterator(chunk_size=2_000):
        sums.setdefault(key, {}).setdefault(listing_id, []).append(value)
    return {
        key: means
        for key, by_listing in sums.items()
        if (means := {pk: sum(said) / len(said) for pk, said in by_listing.items() if sum(said)})
    }
