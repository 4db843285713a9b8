"""How much each feature should count, learned from what people judged: pairwise logistic loss (RankNet's, linear).

Of two listings judged for one query the better one should score higher. With x⁺ and x⁻ their features, the loss of a
pair is log(1 + exp(−s·(x⁺ − x⁻)·w)). Each query counts the same, however many pairs it has. A quadratic pull towards
the present weights w₀ keeps features that nobody's judgements speak about where they are:

    mean over queries of mean over pairs of loss + pull/2 · |w − w₀|²,   0 ≤ w ≤ 4

The problem is convex with seven unknowns: accelerated projected gradient with the exact Lipschitz bound finds its only
minimum, without a step size to choose.

`feedback` is not learned by default. It is made of the same judgements that are the labels here, so it would explain
them perfectly and swallow every other weight; whoever builds the features leaves that column at 0. `rule` is what the
shop decided, not what people like.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import FeiraError
from feira.core.evaluation.metrics import ndcg_at_k
from feira.core.recommend.ranking import FEATURES, LEAST, MOST, FeatureMatrix, Weights, order, parts

NOT_LEARNED = frozenset({"feedback", "rule"})
SHARPNESS = 5.0
PULL = 0.02
MOST_PAIRS_PER_QUERY = 400
_STEPS = 2_000
_TOLERANCE = 1e-9

Rows = NDArray[np.float64]


class NothingToLearn(FeiraError):
    """No query has two listings that were judged differently."""

    code = "nothing_to_learn"
    http_status = 409


@dataclass(frozen=True, slots=True)
class JudgedListings:
    """The judged listings of one query.

    Attributes:
        features: shape (n, 7), in the order of `FEATURES`.
        labels: shape (n,): what people said, −1 to 1.
    """

    query: str
    listing_ids: NDArray[np.int64]
    features: FeatureMatrix
    labels: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights and how well they tell right from wrong on what they were fitted to."""

    weights: Weights
    queries: int
    pairs: int
    loss_before: float
    loss_after: float


def fit_weights(
    judged: Sequence[JudgedListings],
    present: Weights,
    *,
    pull: float = PULL,
    sharpness: float = SHARPNESS,
    not_learned: Collection[str] = NOT_LEARNED,
    seed: int = 0,
) -> Fit:
    """Return the weights that order the judged listings best, near the present ones.

    Args:
        judged: at most `MOST_PAIRS_PER_QUERY` pairs are drawn per query, by the seed.
        pull: strength of the pull towards the present weights; above 0.
        sharpness: difference in score that counts as one unit of log-odds is 1 / sharpness.

    Raises:
        NothingToLearn: there is no pair.
    """
    if pull <= 0:
        raise ValueError(f"pull is {pull}; without a pull what nobody judged could take any weight.")
    differences, shares, queries = _pairs(judged, np.random.default_rng(seed))
    start = present.row().astype(np.float64)
    learned = np.array([name not in not_learned for name in FEATURES])
    rows = sharpness * differences

    def loss(weights: Rows) -> float:
        return float(shares @ np.logaddexp(0.0, -rows @ weights))

    def slope(weights: Rows) -> Rows:
        # 1 / (1 + e^m) without overflow for large margins.
        missed = np.exp(-np.logaddexp(0.0, rows @ weights))
        found: Rows = pull * (weights - start) - rows.T @ (shares * missed)
        return np.where(learned, found, 0.0)

    # The logistic loss bends by at most 1/4.
    bend = pull + 0.25 * float(np.linalg.eigvalsh((rows * shares[:, None]).T @ rows)[-1])
    weights = _descend(start, slope, step=1 / bend)
    found = Weights.from_row(weights.astype(np.float32))
    after = loss(found.row().astype(np.float64))
    return Fit(found, queries=queries, pairs=len(rows), loss_before=loss(start), loss_after=after)


def ndcg_of(judged: JudgedListings, weights: Weights, *, k: int = 10) -> float | None:
    """Return nDCG@k of the judged listings in the order of these weights (a condensed list, Sakai 2007).

    Listings that nobody judged are left out: whether they are right is not known. None when all or none are right, for
    then every order is as good.
    """
    right = {int(pk) for pk, label in zip(judged.listing_ids, judged.labels, strict=True) if label > 0}
    if not right or len(right) == len(judged.listing_ids):
        return None
    best_first = order(parts(judged.features, weights), judged.listing_ids)
    return ndcg_at_k([int(pk) for pk in judged.listing_ids[best_first]], right, k)


def _pairs(judged: Sequence[JudgedListings], rng: np.random.Generator) -> tuple[Rows, Rows, int]:
    """Return feature differences (better − worse), shape (pairs, 7), and each pair's share of the loss."""
    rows: list[Rows] = []
    for query in judged:
        better, worse = np.nonzero(query.labels[:, None] > query.labels[None, :])
        if len(better) > MOST_PAIRS_PER_QUERY:
            drawn = np.sort(rng.choice(len(better), MOST_PAIRS_PER_QUERY, replace=False))
            better, worse = better[drawn], worse[drawn]
        if len(better):
            rows.append((query.features[better] - query.features[worse]).astype(np.float64))
    if not rows:
        raise NothingToLearn("No query has listings that were judged right and others that were judged wrong.")
    shares = np.concatenate([np.full(len(each), 1 / (len(each) * len(rows))) for each in rows])
    return np.concatenate(rows), shares, len(rows)


def _descend(start: Rows, slope: Callable[[Rows], Rows], *, step: float) -> Rows:
    """Return the minimum within the bounds: FISTA (Beck, Teboulle 2009) with restarts (O'Donoghue, Candès 2015)."""
    weights = ahead = np.clip(start, LEAST, MOST)
    pace = 1.0
    for _step in range(_STEPS):
        fresh: Rows = np.clip(ahead - step * slope(ahead), LEAST, MOST)
        moved = fresh - weights
        if float(np.abs(fresh - ahead).max()) < _TOLERANCE:
            return fresh
        if float((ahead - fresh) @ moved) > 0:
            # It overshot: go on from here without momentum.
            next_pace, ahead = 1.0, fresh
        else:
            next_pace = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            ahead = fresh + (pace - 1) / next_pace * moved
        weights, pace = fresh, next_pace
    return weights
