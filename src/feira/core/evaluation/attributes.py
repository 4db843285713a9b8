"""Queries such as “blue jeans” on a catalogue that knows its colours and kinds: by words, by pictures, by both."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing

import numpy as np

from feira.core.evaluation.catalogues import Product
from feira.core.types import Matrix

FIRST = 10
FEWEST_RELEVANT = 3
RANK_OFFSET = 60


def attribute_queries(products: Sequence[Product]) -> dict[str, set[int]]:
    """Return queries of a colour and a kind, with the places of the products they ask for.

    Only pairs that stand on at least `FEWEST_RELEVANT` products; a kind is asked for in the shop's own word.
    """
    wanted: dict[str, set[int]] = defaultdict(set)
    for place, product in enumerate(products):
        wanted[f"{product.colour} {product.kind}".lower()].add(place)
    return {query: places for query, places in sorted(wanted.items()) if len(places) >= FEWEST_RELEVANT}


def capped_precision(ranked: Sequence[int], relevant: set[int], k: int = FIRST) -> float:
    """Share of the first k that is relevant, of as many as there can be: |first k ∩ relevant| / min(k, |relevant|).

    Few pairs of colour and kind stand on ten products; plain precision at 10 would tell their number.

    >>> capped_precision([1, 9, 2], {1, 2, 3}, k=10)
    0.6666666666666666
    """
    return len(set(ranked[:k]) & relevant) / min(k, len(relevant))


def ranked_by_pictures(queries: Matrix, images: Matrix) -> list[list[int]]:
    """Return the places of all images for each query, best first, ties to the lower place."""
    order: list[list[int]] = np.argsort(-(queries @ images.T), axis=1, kind="stable").tolist()
    return order


def ranked_by_titles(queries: Sequence[str], titles: Sequence[str]) -> list[list[int]]:
    """Return the places of titles with any word of each query, best bm25 first (SQLite's FTS5, as the shop has it)."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE titles USING fts5(title, tokenize='unicode61 remove_diacritics 2')")
        database.executemany("INSERT INTO titles(rowid, title) VALUES (?, ?)", enumerate(titles))
        match = "SELECT rowid FROM titles WHERE titles MATCH ? ORDER BY bm25(titles), rowid"
        return [[row for (row,) in database.execute(match, (_any_word(query),))] for query in queries]


def fused(*rankings: Sequence[int]) -> list[int]:
    """Return everything that is in any ranking, by the sum of reciprocal ranks (Cormack et al. 2009)."""
    scores: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, place in enumerate(ranking[:240], start=1):
            scores[place] += 1 / (RANK_OFFSET + rank)
    return sorted(scores, key=lambda place: (-scores[place], place))


def _any_word(query: str) -> str:
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in query.replace("-", " ").split())
