"""Trains the query ranker from judgements, and sends it through the gate.

Queries are split by a hash of their key: a third is held out and never fitted to, and stays held out as long as it is
asked the same way. What people said is taken out of the features first (it is the label), so that the measure is how
well words, picture, tags, freshness and popularity order what people judged.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import structlog

from feira.core.errors import EngineUnavailable
from feira.core.learning.rank_fit import NOT_LEARNED, JudgedListings, fit_weights, ndcg_of
from feira.core.recommend.ranking import FEATURES, Weights
from feira.shop.feedback.selectors import judged_pairs
from feira.shop.insight.questions import query_from
from feira.shop.insight.selectors import newest_judgement, texts_of
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.selectors import live_part
from feira.shop.learning.services import LEAST_QUERIES, judge_candidate, propose
from feira.shop.photos.engine import engine
from feira.shop.search.features import features_of
from feira.shop.search.ranker import PART
from feira.shop.search.selectors import PhotoNotFound

METRIC = "nDCG@10"
HELD_OUT_OF = 3
MOST_QUERIES = 2_000
MOST_LISTINGS = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Training:
    """What a run came to: the candidate and whether it serves, or why there is none."""

    candidate: LearnedPart | None
    serves: bool
    reason: str


def is_held_out(key: str) -> bool:
    """Tell whether a query is never trained on; a third of them is not.

    >>> sum(is_held_out(f"query {number}") for number in range(3000)) // 100
    10
    """
    return hashlib.sha256(key.encode()).digest()[0] % HELD_OUT_OF == 0


def train_ranker(*, seed: int = 0) -> Training:
    """Fit weights to the judgements of the training queries and judge them by the held-out ones.

    Too few judgements, or none since the last time, make no candidate.

    Raises:
        EngineUnavailable: pictures could not be compared, and weights learned without them would be wrong.
    """
    newest = newest_judgement()
    last = LearnedPart.objects.filter(part=PART).order_by("-version").values_list("made_from", flat=True).first()
    if last and last.get("newest_judgement") == newest:
        return Training(None, serves=False, reason="Nothing was judged since the last time.")
    if not engine().status().ready:
        raise EngineUnavailable("The engine is starting. Training waits for it.")
    judged = judged_listings(judged_pairs())
    train = [each for each in judged if not is_held_out(each.query)]
    held_out = [each for each in judged if is_held_out(each.query)]
    if min(len(train), len(held_out)) < LEAST_QUERIES:
        told = f"{len(train)} queries to learn from and {len(held_out)} held out; {LEAST_QUERIES} of each are needed."
        return Training(None, serves=False, reason=told)
    live = live_part(PART)
    present = Weights.unpack(bytes(live.content)) if live else Weights()
    fit = fit_weights(train, present, seed=seed)
    candidate = propose(
        part=PART,
        content=fit.weights.pack(),
        made_from={
            "newest_judgement": newest,
            "queries": fit.queries,
            "pairs": fit.pairs,
            "held_out": len(held_out),
            "seed": seed,
        },
        report={
            "weights_before": _rounded(present),
            "weights_after": _rounded(fit.weights),
            "loss_before": round(fit.loss_before, 5),
            "loss_after": round(fit.loss_after, 5),
        },
    )
    serves = judge_candidate(
        candidate,
        live_per_query=_measured(held_out, present),
        candidate_per_query=_measured(held_out, fit.weights),
        metric=METRIC,
        seed=seed,
    )
    log.info("query_ranker_trained", version=candidate.version, serves=serves, reason=candidate.report["reason"])
    return Training(candidate, serves, str(candidate.report["reason"]))


def judged_listings(judged: Mapping[str, Mapping[int, float]]) -> list[JudgedListings]:
    """Return the features and labels of judged listings, of queries on which people called some right and others wrong.

    Queries with a photo that is gone or not public are left out; of each query at most `MOST_LISTINGS` listings count.
    """
    told = {key: said for key, said in judged.items() if min(said.values()) < 0 < max(said.values())}
    keys = list(told)[-MOST_QUERIES:]
    texts = texts_of(keys)
    found = []
    for key in keys:
        ids = sorted(told[key], key=lambda pk: (-abs(told[key][pk]), pk))[:MOST_LISTINGS]
        try:
            features = features_of(query_from(key, texts.get(key, "")), ids)
        except (PhotoNotFound, ValueError) as error:
            log.info("judged_query_left_out", key=key, reason=str(error))
            continue
        features[:, [FEATURES.index(name) for name in NOT_LEARNED]] = 0
        labels = np.array([told[key][pk] for pk in ids], np.float32)
        found.append(JudgedListings(key, np.array(ids, np.int64), features, labels))
    return found


def _measured(judged: Iterable[JudgedListings], weights: Weights) -> dict[str, float]:
    return {each.query: value for each in judged if (value := ndcg_of(each, weights)) is not None}


def _rounded(weights: Weights) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in asdict(weights).items()}
