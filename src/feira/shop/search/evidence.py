"""What is known about candidates, and the named features made of it, in the order of `ranking.FEATURES`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Count
from django.utils import timezone
from numpy.typing import NDArray

from feira.core.recommend.ranking import FEATURES, FeatureMatrix
from feira.shop.feedback.models import Click
from feira.shop.listings.models import Listing
from feira.shop.search.candidates import RANK_OFFSET
from feira.shop.search.words import Words, split_words

HALF_LIFE = timedelta(days=30)
# So many visits are as popular as it gets; ten are half of it.
MOST_VISITS = 100
VISITS_SINCE = timedelta(days=90)
# Somebody who opens a result and comes back finds the same order, and no burst of clicks pushes anything at once.
VISITS_UNTIL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the candidates of one query.

    Attributes:
        words: what was searched for.
        matches: listings that have the words, the best match first.
        share: how much of the words these have; below 1 when some were passed over.
        words_count: how much words count at all beside a photo, 0 to 1.
        likeness: how much each candidate looks like what is asked for, 0 to 1; zeros when nobody can tell.
        said: what people said about listings for this query and near ones, −1 to 1.
    """

    words: Words
    matches: Sequence[int] = ()
    share: float = 1.0
    words_count: float = 1.0
    likeness: NDArray[np.float32] | None = None
    said: Mapping[int, float] = field(default_factory=dict)


def features_from(evidence: Evidence, listing_ids: Sequence[int], *, now: datetime | None = None) -> FeatureMatrix:
    """Return the features of listings, shape (n, 7), float32; two queries.

    `words` halves at the 60th match and never falls below a half of `share`: having the words at all counts most.
    """
    now = now or timezone.now()
    found = np.zeros((len(listing_ids), len(FEATURES)), np.float32)
    if not listing_ids:
        return found
    column = {name: found[:, place] for place, name in enumerate(FEATURES)}
    rank_of = {listing_id: rank for rank, listing_id in enumerate(evidence.matches)}
    rows = Listing.objects.filter(pk__in=listing_ids).values_list(
        "pk", "title", "tags_text", "published_at", "cover_id"
    )
    facts = {row[0]: row[1:] for row in rows}
    visits = _visits(listing_ids, now)
    wanted = [term.words for term in evidence.words.wanted]
    typed = tuple(word for words in wanted for word in words)
    for row, listing_id in enumerate(listing_ids):
        if listing_id in rank_of:
            nearness = RANK_OFFSET / (RANK_OFFSET + rank_of[listing_id])
            column["words"][row] = evidence.words_count * evidence.share * (0.5 + 0.5 * nearness)
        column["feedback"][row] = np.clip(evidence.said.get(listing_id, 0.0), -1, 1)
        column["popularity"][row] = np.log1p(min(visits.get(listing_id, 0), MOST_VISITS)) / np.log1p(MOST_VISITS)
        if listing_id in facts:
            title, tags_text, published_at, cover_id = facts[listing_id]
            age = (now - published_at) / HALF_LIFE if published_at else 0.0
            column["freshness"][row] = 0.5 ** max(age, 0.0)
            column["tags"][row] = evidence.words_count * _tagged(wanted, tags_text)
            column["rule"][row] = _rule(typed, title, has_photo=cover_id is not None)
    if evidence.likeness is not None:
        column["picture"][:] = evidence.likeness
    return found


def _tagged(wanted: Sequence[tuple[str, ...]], tags_text: str) -> float:
    """Return which share of the wanted terms is among the tags."""
    if not wanted or not tags_text:
        return 0.0
    tags = frozenset(split_words(tags_text))
    return sum(all(word in tags for word in words) for words in wanted) / len(wanted)


def _rule(typed: tuple[str, ...], title: str, *, has_photo: bool) -> float:
    """The shop's own two rules: a listing whose title was typed goes first, and one without a photo stands back."""
    if not has_photo:
        return -1.0
    # Most titles are much longer than what was typed; cutting a thousand of them into words takes longer than all else.
    could_be = typed and len(title) <= 2 * sum(len(word) + 1 for word in typed)
    return 1.0 if could_be and split_words(title) == typed else 0.0


def _visits(listing_ids: Iterable[int], now: datetime) -> dict[int, int]:
    """Return how often listings were opened from results of any query lately."""
    clicks = Click.objects.filter(
        listing_id__in=list(listing_ids), at__gte=now - VISITS_SINCE, at__lt=now - VISITS_UNTIL
    )
    return dict(clicks.order_by().values_list("listing_id").annotate(count=Count("pk")))
