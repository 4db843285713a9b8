"""What people said about a listing for a query, as one bounded number.

The number is a smoothed mean of votes: Σ w·v / (Σ w + prior). Without votes it is 0, with few it stays small, and it
never reaches ±1. A vote weighs by how near its query is and by its age (half as much after each half-life).

Nobody counts twice: of one person's votes on a listing the strongest counts, also over near queries; and all people at
one address together weigh what the strongest of them does, so that a burst of votes moves no more than one vote.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

PRIOR = 2.0
# Below this share of common words a query is another one; what is near counts half of its share.
LEAST_SHARED = 0.5
NEAR_COUNTS = 0.5


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's opinion of one listing.

    Attributes:
        value: 1 or −1.
        person: who said it; one name per account or browser.
        origin: from where; one name per network address, empty when not known.
        age_s: seconds since it was said; what lies in the future counts as said now.
        nearness: of the query it was said for, 0 to 1; 1 for the query itself.
    """

    listing_id: int
    value: int
    person: str
    origin: str
    age_s: float
    nearness: float = 1.0


class _Weighed(NamedTuple):
    weight: float
    value: float


def signal(votes: Iterable[Vote], *, half_life_s: float, prior: float = PRIOR) -> dict[int, float]:
    """Return for each listing that was voted on a number within (−1, 1).

    >>> alone = Vote(7, 1, "ada", "here", 0.0)
    >>> signal([alone], half_life_s=60)
    {7: 0.3333333333333333}
    >>> signal([alone] * 1000, half_life_s=60)
    {7: 0.3333333333333333}
    """
    if half_life_s <= 0 or prior <= 0:
        raise ValueError(f"Half-life ({half_life_s} s) and prior ({prior}) have to be above zero.")
    by_person: dict[tuple[int, str], tuple[_Weighed, str]] = {}
    for vote in votes:
        weight = min(max(vote.nearness, 0.0), 1.0) * 0.5 ** (max(vote.age_s, 0.0) / half_life_s)
        key = (vote.listing_id, vote.person)
        if key not in by_person or weight > by_person[key][0].weight:
            by_person[key] = _Weighed(weight, float(vote.value)), vote.origin or f"only {vote.person}"
    by_origin: dict[int, dict[str, list[_Weighed]]] = defaultdict(lambda: defaultdict(list))
    for (listing_id, _person), (weighed, origin) in by_person.items():
        by_origin[listing_id][origin].append(weighed)
    return {
        listing_id: _smoothed([_together(group) for group in origins.values()], prior)
        for listing_id, origins in by_origin.items()
    }


def nearness(key: str, other: str) -> float:
    """Return how much what was said for one query says about another, 0 to 1; keys are words parted by spaces.

    Equal sets of words give 1. Otherwise it is half the share of common words (Jaccard), and 0 when that is below a
    half, when one query wants what the other leaves out, or when they show different pictures.

    >>> nearness("dress red", "dress red summer")
    0.3333333333333333
    >>> nearness("dress red", "-red dress")
    0.0
    """
    words, others = set(key.split()), set(other.split())
    if words == others:
        return 1.0 if words else 0.0
    if contradict(key, other):
        return 0.0
    shared = len(words & others) / len(words | others)
    return NEAR_COUNTS * shared if shared >= LEAST_SHARED else 0.0


def contradict(key: str, other: str) -> bool:
    """Tell whether one query wants what the other leaves out, or they show different pictures.

    >>> contradict("red", "-red dress"), contradict("photo:1 red", "red"), contradict("red", "dress")
    (True, True, False)
    """
    words, others = set(key.split()), set(other.split())
    return _pictures(words) != _pictures(others) or any(_opposite(word) in others for word in words)


def _pictures(words: set[str]) -> set[str]:
    return {word for word in words if ":" in word}


def _opposite(word: str) -> str:
    return word[1:] if word.startswith("-") else f"-{word}"


def _together(group: list[_Weighed]) -> _Weighed:
    """Return one address's opinion: the weighted mean of its people, with the weight of the strongest."""
    total = sum(each.weight for each in group)
    value = sum(each.weight * each.value for each in group) / total if total else 0.0
    return _Weighed(max(each.weight for each in group), value)


def _smoothed(votes: list[_Weighed], prior: float) -> float:
    return sum(each.weight * each.value for each in votes) / (sum(each.weight for each in votes) + prior)
