"""How good is a ranking? Each metric looks at what came (best first) and at what is relevant.

All take any hashable things, count a thing once however often it came, and are 0.0 when nothing is relevant, because a
query that cannot be answered must not lift a mean.
"""

import math
from collections.abc import Collection, Hashable, Sequence


def precision_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Share of the first k places that hold something relevant: |first k ∩ relevant| / k.

    The divisor is k, also when fewer came: empty places help nobody.

    >>> precision_at_k(["a", "x", "b", "y"], {"a", "b", "c"}, k=4)
    0.5
    """
    return _found(ranked, relevant, k) / k


def recall_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Share of the relevant that is among the first k: |first k ∩ relevant| / |relevant|.

    The divisor is the number of relevant, so with more than k relevant things one is out of reach.

    >>> recall_at_k(["a", "x", "b", "y"], {"a", "b", "c", "d"}, k=4)
    0.5
    """
    found = _found(ranked, relevant, k)
    return found / len(set(relevant)) if found else 0.0


def ndcg_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Discounted gain of the first k over the best possible: a hit at place p (from 1) is worth 1 / log2(p + 1).

    Relevance is yes or no. The best possible has min(k, |relevant|) hits in front. In the example places 1 and 3 are
    hits: (1 + 0.5) / (1 + 0.6309) = 0.9197.

    >>> round(ndcg_at_k(["a", "x", "b"], {"a", "b"}, k=3), 4)
    0.9197
    """
    _check(k)
    wanted, gain = set(relevant), 0.0
    for place, thing in enumerate(ranked[:k], start=1):
        if thing in wanted:
            wanted.discard(thing)
            gain += 1 / math.log2(place + 1)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(set(relevant))) + 1))
    return gain / best if best else 0.0


def reciprocal_rank(ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> float:
    """One over the place (from 1) of the first relevant thing; 0.0 when none came.

    >>> reciprocal_rank(["x", "a", "b"], {"a", "b"})
    0.5
    """
    wanted = set(relevant)
    return next((1 / place for place, thing in enumerate(ranked, start=1) if thing in wanted), 0.0)


def _found(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> int:
    _check(k)
    return len(set(ranked[:k]) & set(relevant))


def _check(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; a ranking is looked at from its first place on, so k is at least 1.")
