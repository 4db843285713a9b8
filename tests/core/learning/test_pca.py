"""Fewer dimensions keep the neighbours, and every row goes the same way alone or in company."""

import numpy as np
import pytest

from feira.core.learning.pca import Projection, fit_projection, neighbour_overlap
from feira.core.types import Matrix


def flat_rows(count: int, dim: int = 384, *, seed: int = 0) -> Matrix:
    """Unit rows most of whose strength lies in a few dozen directions, like those of networks."""
    rng = np.random.default_rng(seed)
    directions, _ = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))
    rows = (rng.standard_normal((count, dim)) * np.arange(1, dim + 1) ** -0.7) @ directions.T
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_directions_are_orthonormal_and_ordered_and_keep_the_neighbours() -> None:
    rows = flat_rows(3000)
    projection = fit_projection(rows, reduced_dim=128)
    directions = projection.directions / 2048
    assert np.allclose(directions.T @ directions, np.eye(128), atol=0.01)
    held = (projection.forward(rows) ** 2).mean(axis=0)
    assert held[:10].min() > held[-10:].max()
    fresh = flat_rows(2000, seed=1)
    wide = neighbour_overlap(fresh, projection.forward(fresh), queries=100)
    narrow = neighbour_overlap(fresh, fit_projection(rows, reduced_dim=8).forward(fresh), queries=100)
    assert wide > 0.8
    assert narrow < 0.5


def test_the_same_rows_in_another_order_give_the_same_directions_up_to_rounding() -> None:
    rows = flat_rows(1500)
    first = fit_projection(rows, reduced_dim=16)
    second = fit_projection(rows[::-1], reduced_dim=16)
    assert np.abs(first.directions.astype(int) - second.directions).max() <= 1
    assert (first.directions[np.abs(first.directions).argmax(axis=0), np.arange(16)] > 0).all()


@pytest.mark.parametrize("company", [2, 7, 100, 9000])
def test_a_row_is_projected_to_the_same_bits_alone_and_in_company(company: int) -> None:
    rows = flat_rows(company, seed=company)
    projection = fit_projection(flat_rows(600), reduced_dim=128)
    together = projection.forward(rows)
    for place in (0, company // 2, company - 1):
        assert np.array_equal(projection.forward(rows[place : place + 1])[0], together[place])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_inner_products_and_sums_survive_for_what_lies_in_the_kept_directions() -> None:
    projection = fit_projection(flat_rows(2000), reduced_dim=64)
    kept = projection.backward(flat_rows(50, 64, seed=3))
    reduced = projection.forward(kept)
    assert np.allclose(reduced @ reduced.T, kept @ kept.T, atol=0.005)
    mixed = kept[:1] + kept[1:2] - 0.5 * kept[2:3]
    assert np.allclose((projection.forward(mixed) @ reduced.T) * np.linalg.norm(mixed), mixed @ kept.T, atol=0.01)


def test_it_travels_as_bytes_and_is_named_by_its_content() -> None:
    projection = fit_projection(flat_rows(500), reduced_dim=128)
    again = Projection.unpack(projection.pack())
    assert np.array_equal(again.directions, projection.directions)
    assert again.version == projection.version
    assert fit_projection(flat_rows(500, seed=4), reduced_dim=128).version != projection.version


@pytest.mark.parametrize("content", [b"", b"{}", b'{"dim": 2, "reduced_dim": 1}\nabcd', b"[1]\n", b"\xff\n"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no projection"):
        Projection.unpack(content)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="ask for fewer"):
        fit_projection(flat_rows(100), reduced_dim=128)
