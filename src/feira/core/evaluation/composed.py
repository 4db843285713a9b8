"""“Like this photo, but red”: is the same kind of thing in the other colour found, and the other way round?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from feira.core.evaluation.catalogues import Product
from feira.core.evaluation.splits import place as spread

SWAPS_PER_PRODUCT = 2


@dataclass(frozen=True, slots=True)
class Swap:
    """A photo and a change: `old` is what the photo shows, `new` what is wanted in its place, `kept` what stays.

    `words` describe the wanted thing without the photo; `relevant` are the places of the products that would be right.
    """

    source: int
    old: str
    new: str
    kept: str
    words: str
    relevant: frozenset[int]


def colour_swaps(products: Sequence[Product]) -> list[Swap]:
    """Return changes to another colour of the same kind for the same gender, two for each product at most."""
    return [
        Swap(
            source,
            old=products[source].colour.lower(),
            new=colour.lower(),
            kept=products[source].kind.lower(),
            words=f"{colour} {products[source].kind}".lower(),
            relevant=right,
        )
        for source, colour, right in _changes([((p.kind, p.gender), p.colour) for p in products])
    ]


def kind_swaps(products: Sequence[Product]) -> list[Swap]:
    """Return changes to another kind in the same colour for the same gender, two for each product at most."""
    return [
        Swap(
            source,
            old=products[source].kind.lower(),
            new=kind.lower(),
            kept=products[source].colour.lower(),
            words=f"{products[source].colour} {kind}".lower(),
            relevant=right,
        )
        for source, kind, right in _changes([((p.colour, p.gender), p.kind) for p in products])
    ]


def _changes(facts: Sequence[tuple[object, str]]) -> list[tuple[int, str, frozenset[int]]]:
    """Return (source, new value, places with it), for things of which one fact stays and the other changes.

    Which of the possible new values are taken is decided by a hash, so that it is the same at every call.
    """
    with_value: dict[object, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for place, (kept, value) in enumerate(facts):
        with_value[kept][value].add(place)
    changes = []
    for source, (kept, value) in enumerate(facts):
        others = sorted(with_value[kept].keys() - {value}, key=lambda other: spread(f"{source} {other}", salt="swap"))
        changes += [(source, other, frozenset(with_value[kept][other])) for other in others[:SWAPS_PER_PRODUCT]]
    return changes
