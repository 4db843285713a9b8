"""Which queries mean nearly the same, by their text vectors: worked out by a job, so that no search waits for it."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import structlog
from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from feira.core.errors import NoTextSide
from feira.core.recommend.votes import NEAR_COUNTS, contradict
from feira.core.types import Matrix
from feira.shop.feedback.models import JudgedQuery, NearQuery, SearchLog
from feira.shop.photos.engine import engine

# Cosine from which two queries are taken for near; at it they count nothing, at 1 as much as near words can.
LEAST_COSINE = 0.75
MOST_JUDGED = 5_000
MOST_ASKED = 2_000
MOST_LINKS = 20
ASKED_WITHIN = timedelta(days=7)
_AT_ONCE = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Near:
    """Links to be kept: key asked, judged query, nearness; and the vectors that were fetched on the way."""

    links: tuple[tuple[str, int, float], ...]
    vectors: dict[int, bytes]
    text_id: str


def find_near_queries() -> Near | None:
    """Compare the judged queries with each other and with those asked lately; nothing is stored.

    None when there is nothing to compare or no text encoder is served. Queries with a picture are left alone.

    Raises:
        EngineUnavailable: try again later.
    """
    judged = [row for row in JudgedQuery.objects.order_by("-pk")[:MOST_JUDGED] if ":" not in row.key]
    if not judged:
        return None
    try:
        text_id = engine().embed_texts([""]).text_id
        fresh = [row for row in judged if row.text_id != text_id or not row.vector]
        rows = engine().embed_texts([row.text or row.key for row in fresh], bulk=True).rows if fresh else None
        asked = _asked_lately({row.key for row in judged})
        asked_rows = engine().embed_texts(list(asked.values()), bulk=True).rows if asked else None
    except NoTextSide:
        return None
    vectors = (
        {}
        if rows is None
        else {row.pk: vector.astype("<f4").tobytes() for row, vector in zip(fresh, rows, strict=True)}
    )
    judged_rows = np.stack(
        [np.frombuffer(vectors.get(row.pk) or bytes(row.vector or b""), dtype="<f4") for row in judged]
    )
    keys = [row.key for row in judged] + list(asked)
    compared = judged_rows if asked_rows is None else np.concatenate([judged_rows, asked_rows])
    return Near(tuple(links_between(keys, compared, judged, judged_rows)), vectors, text_id)


@transaction.atomic
def keep_near_queries(found: Near | None) -> int:
    """Store vectors, and links in place of those there were; return how many links there are."""
    if found is None:
        return 0
    for pk, vector in found.vectors.items():
        JudgedQuery.objects.filter(pk=pk).update(vector=vector, text_id=found.text_id)
    NearQuery.objects.all().delete()
    known = set(JudgedQuery.objects.values_list("pk", flat=True))
    links = [NearQuery(key=key, query_id=pk, nearness=near) for key, pk, near in found.links if pk in known]
    NearQuery.objects.bulk_create(links, batch_size=1_000)
    return len(links)


def _asked_lately(without: set[str]) -> dict[str, str]:
    """Return the keys searched for most often in the last days, each with a text that was typed for it."""
    since = timezone.now() - ASKED_WITHIN
    rows = (
        SearchLog.objects.filter(at__gte=since)
        .exclude(key__contains=":")
        .values("key")
        .annotate(count=Count("pk"), typed=Max("text"))
        .order_by("-count", "key")
    )
    return {row["key"]: row["typed"] or row["key"] for row in rows[:MOST_ASKED] if row["key"] not in without}


def links_between(
    keys: list[str], rows: Matrix, judged: list[JudgedQuery], judged_rows: Matrix
) -> list[tuple[str, int, float]]:
    """Return links from each key to its nearest judged queries; never to itself or to a contrary."""
    links = []
    for start in range(0, len(keys), _AT_ONCE):
        cosines = rows[start : start + _AT_ONCE] @ judged_rows.T
        for key, row in zip(keys[start : start + _AT_ONCE], cosines, strict=True):
            best = np.argsort(-row, kind="stable")[: MOST_LINKS + 1]
            near = [(judged[i], float(row[i])) for i in best if row[i] > LEAST_COSINE]
            links += [
                (key, other.pk, round(min(NEAR_COUNTS * (cosine - LEAST_COSINE) / (1 - LEAST_COSINE), NEAR_COUNTS), 4))
                for other, cosine in near
                if other.key != key and not contradict(key, other.key)
            ]
    return [link for link in links if link[2] > 0]
