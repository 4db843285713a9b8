"""Does feedback make answers better, and can it be abused? A simulation with known truth, and real votes counted.

Simulated people look at the first results of a query and say whether each is right; some err. Votes are counted as the
shop counts them (`feira.core.recommend.votes`). After some numbers of judgements the answers are measured by nDCG@10
against other people's judgements of the same results, which nobody counted: those are held out.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feira.core.evaluation.metrics import ndcg_at_k
from feira.core.recommend.votes import Vote, signal

COUNTS = (0, 10, 50, 200)
WEIGHT = 0.75
LOOKED_AT = 20
_FOREVER_S = 1e12

Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Answered:
    """A query, everything that may answer it with its score before any feedback, and what is right in truth."""

    listing_ids: NDArray[np.int64]
    scores: Scores
    right: Collection[int]


@dataclass(frozen=True, slots=True)
class Step:
    """How good the answers are after this many judgements."""

    judgements: int
    ndcg: float
    per_query: tuple[float, ...]


# (query number, what people said so far) -> scores of all its listings.
Rescore = Callable[[int, Mapping[int, float]], Scores]


def simulate_feedback(
    queries: Sequence[Answered],
    *,
    counts: Sequence[int] = COUNTS,
    error: float = 0.1,
    k: int = 10,
    seed: int = 0,
    rescore: Rescore | None = None,
) -> list[Step]:
    """Return nDCG@k on held-out judgements after each of these numbers of judgements in all.

    Args:
        counts: numbers of judgements, rising. They are spread evenly over the queries; each is by another person,
            about one of the first `LOOKED_AT` results, earlier ones looked at more often.
        error: share of judgements, counted and held out alike, that say the contrary of the truth.
        rescore: how feedback changes scores; by default `score + 0.75 · signal`, as the default weights do.
    """
    rng = np.random.default_rng(seed)
    held_out = [_judged_by_others(query, error, rng) for query in queries]
    votes: list[list[Vote]] = [[] for _query in queries]
    change = rescore or _added(queries)
    steps, given = [], 0
    for count in counts:
        while given < count and queries:
            number = given % len(queries)
            query, ranked = queries[number], _ranked(queries[number], change(number, _said(votes[number])))
            place = _looked_at(len(ranked), rng)
            listing_id = ranked[place]
            is_right = (listing_id in query.right) != (rng.random() < error)
            votes[number].append(Vote(listing_id, 1 if is_right else -1, f"person {given}", f"home {given}", 0.0))
            given += 1
        found = tuple(
            ndcg_at_k(_ranked(query, change(number, _said(votes[number]))), held_out[number], k)
            for number, query in enumerate(queries)
        )
        steps.append(Step(given, float(np.mean(found)) if found else 0.0, found))
    return steps


def burst(query: Answered, *, votes: int = 500, target: int, by: str = "account") -> tuple[float, float]:
    """Return how far one vote against a listing moves its number, and how far a burst of them does: the same.

    Args:
        by: "account": one account repeats itself, also over near queries; "address": many accounts at one address.
    """
    if target not in query.listing_ids:
        raise ValueError(f"Listing {target} is no answer of this query.")
    one = [Vote(target, -1, "eve", "den", 0.0)]
    near = [0.4 if by == "account" and number else 1.0 for number in range(votes)]
    people = ["eve" if by == "account" else f"eve {number}" for number in range(votes)]
    many = [Vote(target, -1, person, "den", 0.0, share) for person, share in zip(people, near, strict=True)]
    return _said(one)[target], _said(many)[target]


def _said(votes: Sequence[Vote]) -> dict[int, float]:
    return signal(votes, half_life_s=_FOREVER_S)


def _added(queries: Sequence[Answered]) -> Rescore:
    def rescore(number: int, said: Mapping[int, float]) -> Scores:
        query = queries[number]
        return query.scores + WEIGHT * np.array([said.get(int(pk), 0.0) for pk in query.listing_ids])

    return rescore


def _ranked(query: Answered, scores: Scores) -> list[int]:
    return [int(pk) for pk in query.listing_ids[np.lexsort((-query.listing_ids, -scores))]]


def _looked_at(results: int, rng: np.random.Generator) -> int:
    places = np.arange(min(results, LOOKED_AT))
    shares = 1 / np.log2(places + 2)
    return int(rng.choice(places, p=shares / shares.sum()))


def _judged_by_others(query: Answered, error: float, rng: np.random.Generator) -> set[int]:
    """Return what others call right, with errors of their own."""
    wrong = rng.random(len(query.listing_ids)) < error
    return {int(pk) for pk, errs in zip(query.listing_ids, wrong, strict=True) if (int(pk) in query.right) != errs}
