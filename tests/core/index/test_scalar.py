"""The 8-bit index keeps every promise within the width of its codes, and finds nearly what the exact one finds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.index.exact import ExactIndex
from feira.core.index.protocol import Index
from feira.core.index.rotation import Rotation
from feira.core.index.scalar import ScalarIndex
from feira.core.testing.index_conformance import IndexConformance
from feira.core.types import Matrix


class TestScalarIndex(IndexConformance):
    tolerance = 0.02  # the worst case of any dimension: half a code step times the root of the width

    def make(self, dim: int) -> Index:
        return ScalarIndex(dim)

    def reopen(self, folder: Path, dim: int) -> Index:
        return ScalarIndex(dim).fill_from(folder)


def peaked_rows(count: int, dim: int, seed: int) -> Matrix:
    """Unit rows like those of networks: no negative number, a few large ones, dimensions of very different size."""
    rng = np.random.default_rng(seed)
    centres = rng.gamma(0.3, size=(40, dim)) * rng.gamma(0.5, size=dim)
    rows = centres[rng.integers(40, size=count)] * rng.gamma(2.0, size=(count, dim))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.mark.parametrize("dim", [256, 775, 1280])
def test_recall_against_the_exact_index_is_above_98_in_100(dim: int) -> None:
    rows, queries = peaked_rows(3000, dim, seed=3), peaked_rows(50, dim, seed=4)
    exact, scalar = ExactIndex(dim), ScalarIndex(dim)
    exact.add(range(3000), rows)
    scalar.add(range(3000), rows)
    shares = [
        len({hit.photo_id for hit in truth} & {hit.photo_id for hit in found}) / 20
        for truth, found in zip(exact.search(queries, 20), scalar.search(queries, 20), strict=True)
    ]
    assert np.mean(shares) >= 0.98


def test_a_single_peak_is_not_clipped() -> None:
    index = ScalarIndex(256)
    index.add([1], np.eye(256, dtype=np.float32)[:1])
    (hits,) = index.search(np.eye(256, dtype=np.float32)[:1], 1)
    assert hits[0].score == pytest.approx(1, abs=0.005)


def test_ties_beyond_the_first_look_are_followed_to_their_end() -> None:
    """More equal photos than faiss is asked for at first, the lowest id added last."""
    row = peaked_rows(1, 32, seed=5)
    index = ScalarIndex(32)
    index.add(range(400, 0, -1), np.repeat(row, 400, axis=0))
    (hits,) = index.search(row, 3)
    assert [hit.photo_id for hit in hits] == [1, 2, 3]


@given(dim=st.integers(1, 400), count=st.integers(1, 5), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_the_rotation_keeps_inner_products_and_can_be_undone(dim: int, count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    rotation = Rotation(dim)
    turned = rotation.forward(rows)
    assert turned.shape == (count, rotation.width)
    assert np.allclose(turned @ turned.T, rows @ rows.T, atol=1e-3)
    assert np.allclose(rotation.backward(turned), rows, atol=1e-4)


@given(count=st.integers(1, 1100), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_a_row_rotates_to_the_same_bits_alone_and_in_company(count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((count, 100)).astype(np.float32)
    rotation = Rotation(100)
    assert np.array_equal(rotation.forward(rows)[-1], rotation.forward(rows[-1:])[0])


def test_codes_are_the_same_on_every_machine() -> None:
    """A changed rotation, range or faiss makes stored snapshots meaningless: this digest may only change knowingly."""
    index = ScalarIndex(96)
    whole = (np.arange(20 * 96).reshape(20, 96) * 7919 % 13 - 6).astype(np.float64)
    index.add(range(20), (whole / np.linalg.norm(whole, axis=1, keepdims=True)).astype(np.float32))
    assert index.checksum() == "cdd4f3b46d8a5c4d3bf54a97a2678d7e6cce5cec60b8e1fae0cff8ba18fe026a"
