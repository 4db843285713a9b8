"""Where inverted lists have their middles, and which list a photo belongs to."""

import math

import faiss
import numpy as np
from numpy.typing import NDArray

from feira.core.index.coding import ByteCoding, Codes
from feira.core.index.threads import use_threads_for
from feira.core.types import Matrix

# The code of a coordinate that is zero.
_ZERO = 127
_ROWS_AT_ONCE = 8192
_SEED, _ROUNDS = 1, 8
_PER_LIST = 48


def lists_for(photos: int) -> int:
    """Return a good number of lists: twice the square root, so that choosing lists and scanning them cost alike."""
    return max(1, min(int(2 * math.sqrt(photos)), photos // _PER_LIST))


class Centroids:
    """The middle of each list, kept on the same grid of whole numbers as the codes.

    A code row and a centroid are whole numbers whose products stay far below 2²⁴, so float32 adds them up exactly in
    any order: which list a photo belongs to depends on its code alone, not on its company, threads or machine.

    Args:
        grid: shape (lists, width), int16.
    """

    def __init__(self, coding: ByteCoding, grid: NDArray[np.int16]) -> None:
        self.grid = grid
        self._whole = np.ascontiguousarray(grid, dtype=np.float32)
        # Queries are no codes: faiss compares them, on the caller's thread where a matrix product would start its own.
        self._flat = faiss.IndexFlatIP(coding.width)
        self._flat.add(self._whole * np.float32(2 * coding.limit / 255))

    def __len__(self) -> int:
        return len(self.grid)

    def assign(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the list of each code row, and its inner product with that list's middle in grid units."""
        numbers = np.empty(len(codes), dtype=np.int64)
        nearness = np.empty(len(codes), dtype=np.float32)
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            products = _centred(codes[part]) @ self._whole.T
            numbers[part] = products.argmax(axis=1)
            nearness[part] = products.max(axis=1)
        return numbers, nearness

    def by_nearness(self, turned: Matrix) -> tuple[Matrix, NDArray[np.int64]]:
        """Return each query's inner products with all middles, nearest first, and the lists' numbers in that order.

        Both have shape (n, lists).
        """
        nearness, numbers = self._flat.search(turned, len(self))
        return nearness, numbers


def train_centroids(coding: ByteCoding, sample: Codes, count: int) -> Centroids:
    """Cluster a sample of codes into `count` lists by spherical k-means; the same sample gives the same lists."""
    rows = coding.decode_turned(sample)
    use_threads_for(len(rows) // _ROWS_AT_ONCE)
    kmeans = faiss.Kmeans(
        coding.width,
        count,
        niter=_ROUNDS,
        spherical=True,
        seed=_SEED,
        min_points_per_centroid=1,
        max_points_per_centroid=10 * _PER_LIST,
    )
    kmeans.train(rows)
    grid = np.rint(np.asarray(kmeans.centroids) * (255 / (2 * coding.limit)))
    return Centroids(coding, np.clip(grid, -_ZERO, _ZERO).astype(np.int16))


def sample_of(ids: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the same `count` of these ids whatever their order: those whose hash is lowest, best first."""
    hashes = ids.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    count = min(count, len(ids))
    chosen = np.argpartition(hashes, count - 1)[:count] if count else np.empty(0, dtype=np.int64)
    return ids[chosen[np.argsort(hashes[chosen])]]


def training_size(count: int) -> int:
    """Return how many photos are enough to place `count` lists."""
    return count * _PER_LIST


def _centred(codes: Codes) -> Matrix:
    return np.asarray(codes, dtype=np.float32) - np.float32(_ZERO)
