"""Exact nearest-neighbour index: the yardstick for every approximate index."""

from typing import Any

import numpy as np

from feira.core.index.dense import Codes, DenseIndex, Slots
from feira.core.types import Hit, Matrix


class ExactIndex(DenseIndex):
    """Compares the query with every stored float32 embedding by inner product.

    A fast float32 product finds the candidates; those within rounding error of the last place are compared again in
    float64. So equal rows score equally wherever they lie in memory, and ties really go to the lower photo id.
    """

    kind = "exact"

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._rows: Matrix = np.empty((0, dim), dtype=np.float32)  # longer than the index: grown by doubling
        self._size = 0

    @classmethod
    def _row_type(cls, dim: int) -> tuple[np.dtype[Any], int]:
        return np.dtype(np.float32), dim

    def _encode(self, rows: Matrix) -> Codes:
        return rows

    def _decode(self, codes: Codes) -> Matrix:
        return codes

    def _append(self, codes: Codes) -> None:
        needed = self._size + len(codes)
        if needed > len(self._rows):
            grown = np.empty((max(needed, 2 * len(self._rows)), self._dim), dtype=np.float32)
            grown[: self._size] = self._rows[: self._size]
            self._rows = grown
        self._rows[self._size : needed] = codes
        self._size = needed

    def _table(self) -> Codes:
        return self._rows[: self._size]

    def _truncate(self, size: int) -> None:
        self._size = size

    def _scan(self, queries: Matrix, k: int, among: Slots | None) -> list[list[Hit]]:
        rows, ids = self._table(), self._ids[: self._size]
        if among is not None:
            rows, ids = rows[among], ids[among]
        return [self._best(query, rows, ids, k) for query in queries]

    def _best(self, query: Matrix, rows: Matrix, ids: Slots, k: int) -> list[Hit]:
        rough = rows @ query
        # Twice the worst rounding error of one float32 product of unit-length rows.
        slack = 2 * self._dim * np.finfo(np.float32).eps * np.linalg.norm(query)
        near = np.flatnonzero(rough >= np.partition(rough, len(rough) - k)[len(rough) - k] - slack)
        scores = (rows[near].astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
        best = np.lexsort((ids[near], -scores))[:k]
        return [
            Hit(photo_id, score)
            for photo_id, score in zip(ids[near[best]].tolist(), scores[best].tolist(), strict=True)
        ]
