"""How well taste foretells what people like next: a split by time, and a ranking of the whole catalogue.

Of each person the last like is held out, and only what they liked and opened before it is known. Interests made of
that recommend from everything that has an embedding, not from a sample (sampled rankings mislead: Krichene and Rendle
2020). What they had liked or opened before is no answer; that the one held out may have been opened before is not
known either, for it would leave it out.

It says how well looks foretell likes. That people like what they were shown is in the record and cannot be taken out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feira.core.evaluation.metrics import ndcg_at_k, recall_at_k
from feira.core.recommend.interests import Interests, find_interests, sign_weights
from feira.core.recommend.neighbours import Scored
from feira.core.recommend.sharing import share_out
from feira.core.recommend.taste_settings import TasteSettings
from feira.core.types import Matrix

FIRST: Final = 10
# Candidates of each interest: what one seller has too much of has to be passed over.
DEPTH: Final = 40
DAY_S: Final = 86_400.0
# Numbers held at once: rows of the catalogue as float32, 20 MB at 256 dimensions; and scores, 40 MB.
_ROWS_AT_ONCE: Final = 20_000
_QUERIES_AT_ONCE: Final = 500
# What is tried, one setting after the other.
TRIED: Final[dict[str, tuple[float | int, ...]]] = {
    "half_life_days": (7.0, 30.0, 90.0, 365.0),
    "most_interests": (1, 3, 5, 8),
    "opened_weight": (0.0, 0.1, 0.3, 1.0),
}

Progress = Callable[[int, int], None]
Rank = Callable[[Sequence["HeldOut"], TasteSettings], list[list[int]]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that may be recommended.

    Attributes:
        listing_ids: shape (n,), int64, ascending.
        rows: shape (n, dim), unit length; float16 halves what they take.
        sellers: shape (n,), int64.
        alike: see `feira.core.recommend.interests.alike_from`.
    """

    listing_ids: NDArray[np.int64]
    rows: NDArray[np.floating]
    sellers: NDArray[np.int64]
    alike: float

    def places_of(self, listing_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where listings stand, −1 for those that are not in the catalogue."""
        if not len(self.listing_ids):
            return np.full(len(listing_ids), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.listing_ids, listing_ids), len(self.listing_ids) - 1)
        return np.where(self.listing_ids[places] == listing_ids, places, -1)


@dataclass(frozen=True, slots=True)
class History:
    """What one person liked and opened, in any order; one entry per listing and kind."""

    name: str
    listing_ids: NDArray[np.int64]
    liked: NDArray[np.bool_]
    at_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One person at the moment before their last like: what is known, and what they will like.

    Attributes:
        places: shape (n,): the known signs' places in the catalogue.
        liked: shape (n,): whether the sign is a like.
        ages_s: shape (n,): how long before the held-out like it was.
        target: listing that was liked last.
    """

    name: str
    places: NDArray[np.int64]
    liked: NDArray[np.bool_]
    ages_s: NDArray[np.float64]
    target: int


def hold_out(histories: Iterable[History], catalogue: Catalogue) -> list[HeldOut]:
    """Return everybody whose last like is in the catalogue and who did something before that is in it, too.

    Of several likes at one moment the listing with the higher number counts as the last.
    """
    people = []
    for person in histories:
        likes = np.flatnonzero(person.liked)
        if not len(likes):
            continue
        last = likes[np.lexsort((person.listing_ids[likes], person.at_s[likes]))[-1]]
        target, at_s = int(person.listing_ids[last]), person.at_s[last]
        places = catalogue.places_of(person.listing_ids)
        known = (person.at_s < at_s) & (person.listing_ids != target) & (places >= 0)
        if known.any() and catalogue.places_of(np.array([target]))[0] >= 0:
            ages_s = at_s - person.at_s[known]
            people.append(HeldOut(person.name, places[known], person.liked[known], ages_s, target))
    return people


def rank(
    people: Sequence[HeldOut], settings: TasteSettings, *, catalogue: Catalogue, first: int = FIRST
) -> list[list[int]]:
    """Return the first recommendations for everybody, best first, as the shop makes them."""
    ranked: list[list[int]] = []
    for some in _batches(people, settings.most_interests):
        interests = [_interests_of(person, settings, catalogue) for person in some]
        found = iter(_nearest(some, interests, catalogue))
        for own in interests:
            theirs = [next(found) for _interest in range(len(own))]
            listed = np.array(sorted({listing_id for scored in theirs for listing_id, _score in scored}), np.int64)
            sellers = catalogue.sellers[catalogue.places_of(listed)]
            seller_of = dict(zip(listed.tolist(), sellers.tolist(), strict=True))
            chosen = share_out(theirs, own.weights.tolist(), seller_of=seller_of, most=first)
            ranked.append([each.listing_id for each in chosen])
    return ranked


@dataclass(frozen=True, slots=True)
class Measured:
    """How settings did, person by person: the held-out like among the first ten, and how far in front."""

    settings: TasteSettings
    recall: dict[str, float]
    ndcg: dict[str, float]

    @property
    def mean_ndcg(self) -> float:
        """Mean nDCG@10 over the people; 0 for nobody."""
        return float(np.mean(list(self.ndcg.values()))) if self.ndcg else 0.0

    @property
    def mean_recall(self) -> float:
        """Mean recall@10 over the people; 0 for nobody."""
        return float(np.mean(list(self.recall.values()))) if self.recall else 0.0


def measure(people: Sequence[HeldOut], settings: TasteSettings, rank_all: Rank) -> Measured:
    """Return how settings do on these people."""
    ranked = rank_all(people, settings)
    recall, ndcg = {}, {}
    for person, listed in zip(people, ranked, strict=True):
        recall[person.name] = recall_at_k(listed, {person.target}, FIRST)
        ndcg[person.name] = ndcg_at_k(listed, {person.target}, FIRST)
    return Measured(settings, recall, ndcg)


def choose_settings(
    people: Sequence[HeldOut],
    start: TasteSettings,
    rank_all: Rank,
    *,
    progress: Progress = lambda _done, _total: None,
) -> list[Measured]:
    """Try settings around `start`, one after the other, and return all that were measured, the best first.

    Each setting takes the value with the highest mean nDCG@10 while the others stay as they are (coordinate ascent,
    one round); at a tie the present value stays, so without a gain `start` comes first.
    """
    total = 1 + sum(value != getattr(start, name) for name, values in TRIED.items() for value in values)
    best = measure(people, start, rank_all)
    tried = [best]
    progress(1, total)
    for name, values in TRIED.items():
        present = best.settings
        for value in values:
            if value != getattr(present, name):
                found = measure(people, _changed(present, name, value), rank_all)
                tried.append(found)
                best = found if found.mean_ndcg > best.mean_ndcg else best
                progress(len(tried), total)
    return [best, *(found for found in tried if found is not best)]


def _changed(settings: TasteSettings, name: str, value: float) -> TasteSettings:
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


def _batches(people: Sequence[HeldOut], most_interests: int) -> Iterator[Sequence[HeldOut]]:
    step = max(_QUERIES_AT_ONCE // most_interests, 1)
    for start in range(0, len(people), step):
        yield people[start : start + step]


def _interests_of(person: HeldOut, settings: TasteSettings, catalogue: Catalogue) -> Interests:
    kinds = np.where(person.liked, 1.0, settings.opened_weight)
    weights = sign_weights(kinds, person.ages_s, half_life_s=settings.half_life_days * DAY_S)
    rows = catalogue.rows[person.places].astype(np.float32)
    return find_interests(rows, weights, most=settings.most_interests, alike=catalogue.alike)


def _nearest(people: Sequence[HeldOut], interests: Sequence[Interests], catalogue: Catalogue) -> list[list[Scored]]:
    """Return for every interest of everybody the nearest listings they have not seen, ties to the lower number."""
    counts = [len(own) for own in interests]
    dim = catalogue.rows.shape[1]
    queries: Matrix = np.concatenate([own.rows for own in interests]) if sum(counts) else np.empty((0, dim), np.float32)
    starts = np.cumsum([0, *counts])
    best_ids, best = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for start in range(0, len(catalogue.listing_ids), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        scores = queries @ catalogue.rows[block].astype(np.float32).T
        for number, person in enumerate(people):
            seen = person.places[(person.places >= start) & (person.places < start + scores.shape[1])] - start
            scores[starts[number] : starts[number + 1], seen] = -np.inf
        ids = np.broadcast_to(catalogue.listing_ids[block], scores.shape)
        best_ids, best = _first(np.hstack([best_ids, ids]), np.hstack([best, scores]))
    return [
        [(listing_id, score) for listing_id, score in zip(ids, scores, strict=True) if score > -np.inf]
        for ids, scores in zip(best_ids.tolist(), best.tolist(), strict=True)
    ]


def _first(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `DEPTH` best of each row, best first."""
    if scores.shape[1] > DEPTH:
        kept = np.argpartition(-scores, DEPTH - 1, axis=1)[:, :DEPTH]
        ids, scores = np.take_along_axis(ids, kept, axis=1), np.take_along_axis(scores, kept, axis=1)
    order = np.lexsort((ids, -scores), axis=1)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
