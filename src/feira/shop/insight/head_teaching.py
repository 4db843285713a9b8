"""Teaching one head: which listings it learns from, what is fitted, and how the answers of others are read."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feira.core.evaluation.splits import place as place_of
from feira.core.learning.head_fit import NOTHING, Examples, FittedHead, fair_shares, fit_head
from feira.core.types import Matrix
from feira.shop.insight.labels import Answers, Ids, Labelled, Said
from feira.shop.photos.engine import engine
from feira.shop.photos.selectors import embeddings_of

LEAST_LISTINGS: Final = 8
LEAST_HELD_OUT: Final = 10
HELD_OUT_SHARE: Final = 0.2
MOST_CLASSES: Final = 200
MOST_LEARNED: Final = 10_000
MOST_DENIED: Final = 1_000
MOST_HELD_OUT: Final = 2_000
# Listings by whose unseen answers a head is compared with what serves, before anything is held against it.
MOST_COMPARED: Final = 2_000
_AT_ONCE: Final = 250
_ROWS_AT_ONCE: Final = 500

Tick = Callable[[], None]
Spoken = dict[int, dict[str, str]]
"""By listing and head: the name that is said first."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one head is to learn from and to be judged by; numbers are places of listings.

    Attributes:
        names: of the classes, sorted; `NOTHING` stands for whatever is too rare to be a class.
        taught: shape (n,).
        possible: shape (n, classes).
        rates: shape (classes,): which share of the listings of each class is taught.
    """

    head: str
    names: tuple[str, ...]
    taught: Ids
    possible: NDArray[np.bool_]
    rates: NDArray[np.float64]
    held_out: Ids


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Why a head cannot be taught."""

    head: str
    reason: str


def plan_lesson(
    head: str, answers: Answers, labelled: Labelled, held_out: NDArray[np.bool_], seed: int
) -> Lesson | TooLittle:
    """Choose classes and listings: rare classes whole, common ones in fair shares, all by a seeded draw.

    Args:
        held_out: by place of the listing.
    """
    codes, drawn = answers.codes, np.random.default_rng(seed).permutation(len(labelled.ids))
    may_teach = labelled.teaches & ~held_out
    counts = np.bincount(codes[may_teach & (codes >= 0)], minlength=len(answers.words))
    counts_of = dict(zip(answers.words, counts.tolist(), strict=True))
    frequent = sorted((name for name in counts_of if name != NOTHING), key=lambda name: (-counts_of[name], name))
    names = sorted(name for name in frequent[:MOST_CLASSES] if counts_of[name] >= LEAST_LISTINGS)
    is_judged = held_out & ((codes >= 0) & (codes != _code(answers, NOTHING)))
    is_judged[[place for place in answers.others if held_out[place]]] = True
    judged = drawn[is_judged[drawn]][:MOST_HELD_OUT]
    if len(names) < 2 or len(judged) < LEAST_HELD_OUT:
        return TooLittle(
            head,
            f"{len(names)} names with {LEAST_LISTINGS} listings or more to learn from, {len(judged)} listings held out",
        )
    # Whatever is too rare to be a class shows at least that none of the classes is it.
    column = {answers.number(name): number for number, name in enumerate(names)}
    rest = np.array([code not in column for code in range(len(answers.words))])
    is_rest = (codes >= 0) & rest[codes]
    has_rest = int(np.count_nonzero(is_rest & may_teach)) >= LEAST_LISTINGS
    if has_rest:
        names = [NOTHING, *names]  # sorts before every name
        column = {code: number + 1 for code, number in column.items()}
    table = np.full(len(answers.words) + 1, -1)
    table[:-1] = [column.get(code, 0 if has_rest else -1) for code in range(len(answers.words))]
    of_places = np.where(codes >= 0, table[codes], -1)
    can_teach = drawn[(may_teach & (of_places >= 0))[drawn]]
    totals = np.bincount(of_places[can_teach], minlength=len(names))
    shares = fair_shares(totals, MOST_LEARNED)
    taught = np.concatenate(
        [can_teach[of_places[can_teach] == number][:share] for number, share in enumerate(shares.tolist())]
    )
    possible = np.eye(len(names), dtype=bool)[of_places[taught]]
    others = sorted(place for place in answers.others if may_teach[place])[:MOST_DENIED]
    open_rows = np.array([_possible(answers.others[place], names) for place in others], dtype=bool)
    open_rows = open_rows.reshape(-1, len(names))
    says = open_rows.any(axis=1) & ~open_rows.all(axis=1)
    return Lesson(
        head=head,
        names=tuple(names),
        taught=np.concatenate([taught, np.array(others, dtype=np.int64)[says]]),
        possible=np.concatenate([possible, open_rows[says]]),
        rates=shares / totals,
        held_out=np.sort(judged),
    )


def fit_lesson(
    lesson: Lesson, labelled: Labelled, encoder_id: str, *, seed: int, tick: Tick
) -> tuple[Examples, FittedHead] | None:
    """Fit a head to the photos of its listings; each listing counts the same, however many photos it has.

    Returns None when too few of the photos are there to leave two listings.
    """
    listing_ids = labelled.ids[lesson.taught]
    rows, owners = vectors_of_listings(labelled, listing_ids, encoder_id, tick=tick)
    order = np.argsort(listing_ids, kind="stable")
    places = order[np.searchsorted(listing_ids[order], owners)]
    found, number, photos = np.unique(owners, return_inverse=True, return_counts=True)
    if len(found) < 2 or np.count_nonzero(lesson.possible[places].any(axis=0)) < 2:
        return None
    examples = Examples(rows, lesson.possible[places], owners, 1.0 / photos[number])
    return examples, fit_head(examples, lesson.names, rates=lesson.rates, seed=seed, tick=tick)


def vectors_of_listings(labelled: Labelled, listing_ids: Ids, encoder_id: str, *, tick: Tick) -> tuple[Matrix, Ids]:
    """Return the embeddings of the photos of these listings, and the listing of each row."""
    parts: list[Matrix] = []
    owners: list[int] = []
    for start in range(0, len(listing_ids), _AT_ONCE):
        tick()
        pairs = labelled.photos_of(sorted(listing_ids[start : start + _AT_ONCE].tolist()))
        listing_of = {photo: listing for listing, photo in pairs}
        photo_ids = sorted(listing_of)
        for first in range(0, len(photo_ids), _ROWS_AT_ONCE):
            found, rows = embeddings_of(photo_ids[first : first + _ROWS_AT_ONCE], encoder_id)
            if found:
                parts.append(rows)
                owners += [listing_of[photo] for photo in found]
    rows = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)
    return rows, np.array(owners, dtype=np.int64)


def spoken_now(rows: Matrix, owners: Ids, encoder_id: str, *, tick: Tick) -> Spoken:
    """Return what the engine's classifiers say first of each listing, by head: summed over its photos, as tags are.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    sums: dict[int, dict[str, dict[str, float]]] = {}
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        tick()
        some = slice(start, start + _ROWS_AT_ONCE)
        answers = engine().tags(rows[some], encoder_id=encoder_id)
        for listing, tags in zip(owners[some].tolist(), answers, strict=True):
            of_listing = sums.setdefault(listing, {})
            for tag in tags:
                of_head = of_listing.setdefault(tag.head, defaultdict(float))
                of_head[tag.name] += tag.confidence
    return {listing: {head: _first(said) for head, said in heads.items()} for listing, heads in sums.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what serves in the words of the shop.

    The classes of a head that came with an encoder are seldom called what a shop calls its categories. So each of them
    is read as the name that listings of which it was said have most often: the best that can be made of it. `head` is
    empty where nothing serves; then everything is read as the most common name. A head that the shop taught speaks its
    words already: `names` is None.
    """

    head: str
    names: Mapping[str, str] | None
    otherwise: str

    def of(self, spoken: Mapping[str, str]) -> str:
        """Return the shop's name for what was said of a listing."""
        said = spoken.get(self.head, "")
        return self.names.get(said, self.otherwise) if self.names is not None else said


def best_reading(
    truths: Mapping[int, str], spoken: Spoken, weights: Mapping[int, float], head: str, *, without: Collection[str] = ()
) -> tuple[Reading, float]:
    """Return the reading that is right most often, and how often, each listing read without its own word.

    Args:
        truths: the one name that was said of a listing.
        weights: how many listings each stands for.
        head: its own namesake goes first among equals.
        without: heads that are not to be read, as those that have learned from these very listings.
    """
    common: dict[str, float] = defaultdict(float)
    for listing, truth in truths.items():
        common[truth] += weights[listing]
    otherwise = _first(common) if common else NOTHING
    known = {name for said in spoken.values() for name in said} - set(without)
    heads = sorted(known, key=lambda name: (name != head, name))
    tried = [_reading(each, truths, spoken, weights, otherwise) for each in ["", *heads]]
    # Among equals the namesake, then what comes first; silence last.
    ranked = [*tried[1:], tried[0]]
    return max(ranked, key=lambda pair: round(pair[1], 9))


def said_by(confidences: Matrix, owners: Ids, names: Sequence[str]) -> dict[int, tuple[str, float]]:
    """Return the name that a head gives each listing, and its confidence: the mean over the photos."""
    listings, number = np.unique(owners, return_inverse=True)
    sums = np.zeros((len(listings), confidences.shape[1]))
    np.add.at(sums, number, confidences)
    sums /= np.bincount(number, minlength=len(listings))[:, None]
    if names[0] == NOTHING:
        sums[:, 0] = -1.0  # silence is no answer
    best = sums.argmax(axis=1)
    return {
        listing: (names[place], float(sums[row, place]))
        for row, (listing, place) in enumerate(zip(listings.tolist(), best.tolist(), strict=True))
    }


def held_out_mask(ids: Ids) -> NDArray[np.bool_]:
    """Tell which listings no version ever learns from: a fifth, by a hash of the number."""
    return np.fromiter((is_held_out(listing) for listing in ids.tolist()), dtype=bool, count=len(ids))


def is_held_out(listing_id: int) -> bool:
    """Tell whether a listing is kept for judging and is never learned from."""
    return place_of(str(listing_id), salt="classifier") < HELD_OUT_SHARE


def _code(answers: Answers, name: str) -> int:
    return answers.words.index(name) if name in answers.words else -2


def _possible(said: Said, names: Sequence[str]) -> list[bool]:
    if said.names:
        return [name in said.names for name in names]
    return [name not in said.refused for name in names]


def _reading(
    head: str, truths: Mapping[int, str], spoken: Spoken, weights: Mapping[int, float], otherwise: str
) -> tuple[Reading, float]:
    votes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for listing, truth in truths.items():
        votes[spoken.get(listing, {}).get(head, "")][truth] += weights[listing]
    right = 0.0
    for listing, truth in truths.items():
        of_said = votes[spoken.get(listing, {}).get(head, "")]
        own = of_said[truth] - weights[listing]
        best = max((count for name, count in of_said.items() if name != truth), default=0.0)
        read_as_own = own > best or (own == best == 0 and truth == otherwise)
        right += weights[listing] * read_as_own
    names = {said: _first(counts) for said, counts in votes.items()}
    return Reading(head, names, otherwise), right / max(sum(weights[listing] for listing in truths), 1e-12)


def _first(sums: Mapping[str, float]) -> str:
    """Return the name with the largest sum; among equals the first in the alphabet."""
    return min(sums, key=lambda name: (-sums[name], name))
