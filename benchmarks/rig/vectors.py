"""Vectors to search: made up so that neighbours cross clusters, or real embeddings multiplied."""

from pathlib import Path
from typing import Any

import numpy as np

from feira.core.types import Matrix

DIM = 256
_ROWS_AT_ONCE = 50_000


def vectors(count: int, queries: int, *, real: Path | None) -> tuple[Matrix, Matrix, str]:
    """Return `count` unit rows, `queries` others, and what they are in words.

    Args:
        real: a `.npy` of embeddings; they are projected to 256 dimensions, repeated, and each copy is moved by as much
            as separates a photo from its nearest neighbour, so that copies are neighbours and not the same.
    """
    if real is not None:
        return (*multiplied(np.load(real), count, queries), f"real embeddings of {real.name}, multiplied")
    return (*mixture(count, queries), "mixture of clusters that overlap")


def mixture(count: int, queries: int) -> tuple[Matrix, Matrix]:
    """Draw from clusters of about 100 that are as wide as they are far apart, so that neighbours cross them.

    Directions weigh differently within a cluster (a power law), clusters have very different sizes (Dirichlet), and
    middles share coarse directions, as the embeddings of a network do.
    """
    rng = np.random.default_rng(1)
    clusters = max(count // 100, 20)
    coarse = _unit(rng.standard_normal((50, DIM)))
    middles = _unit(coarse[rng.integers(50, size=clusters)] + 0.9 * _unit(rng.standard_normal((clusters, DIM))))
    weights = rng.dirichlet(np.full(clusters, 0.7))
    spectrum = np.arange(1, DIM + 1) ** -0.5
    spectrum *= 0.9 / np.linalg.norm(spectrum)

    def draw(many: int) -> Matrix:
        chosen = rng.choice(clusters, size=many, p=weights)
        return _unit(middles[chosen] + rng.standard_normal((many, DIM), dtype=np.float32) * spectrum)

    return _in_parts(draw, count), draw(queries)


def multiplied(embeddings: Matrix, count: int, queries: int) -> tuple[Matrix, Matrix]:
    """Multiply real embeddings; the queries' photos are kept apart from the rows'."""
    from feira.core.learning.pca import fit_projection  # noqa: PLC0415  (benchmarks start quickly)

    rng = np.random.default_rng(2)
    embeddings = embeddings[rng.permutation(len(embeddings))].astype(np.float32)
    held, rest = embeddings[: len(embeddings) // 10], embeddings[len(embeddings) // 10 :]
    projection = fit_projection(rest, reduced_dim=DIM)
    rows, asked = projection.forward(rest), projection.forward(held)
    products = rows[:1000] @ rows.T
    np.put_along_axis(products, np.arange(len(products))[:, None], -1, axis=1)
    apart = float(np.median(np.sqrt(np.maximum(2 - 2 * products.max(axis=1), 0))))
    spread = rows.std(axis=0) / np.linalg.norm(rows.std(axis=0))

    def draw(many: int) -> Matrix:
        noise = rng.standard_normal((many, DIM), dtype=np.float32) * spread * apart
        return _unit(rows[rng.integers(len(rows), size=many)] + noise)

    moved = asked[rng.integers(len(asked), size=queries)]
    return _in_parts(draw, count), moved


def _in_parts(draw: Any, count: int) -> Matrix:
    made = np.empty((count, DIM), dtype=np.float32)
    for start in range(0, count, _ROWS_AT_ONCE):
        made[start : start + _ROWS_AT_ONCE] = draw(min(_ROWS_AT_ONCE, count - start))
    return made


def _unit(rows: Any) -> Matrix:
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
