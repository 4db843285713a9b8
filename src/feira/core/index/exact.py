"""Exact nearest-neighbour index: the yardstick for every approximate index."""

import numpy as np

from feira.core.index.base import Ids, sorted_hits
from feira.core.index.coding import Codes, FloatCoding
from feira.core.index.dense import DenseIndex, grown
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix


class ExactIndex(DenseIndex):
    """Compares the query with every stored float32 embedding by inner product.

    A fast float32 product finds the candidates; those within rounding error of the last place are compared again in
    float64. So equal rows score equally wherever they lie in memory, and ties really go to the lower photo id.
    """

    kind = "exact"

    def __init__(self, dim: int) -> None:
        super().__init__(FloatCoding(dim))
        self._rows: Matrix = np.empty((0, dim), dtype=np.float32)  # longer than the index
        self._size = 0

    def _append_codes(self, codes: Codes) -> None:
        needed = self._size + len(codes)
        if needed > len(self._rows):
            self._rows = grown(self._rows, needed)
        self._rows[self._size : needed] = codes
        self._size = needed

    def _table(self) -> Codes:
        return self._rows[: self._size]

    def _truncate(self, size: int) -> None:
        self._size = size

    def _search(self, queries: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        rows, ids = self._table(), self._ids[: self._size]
        if among is not None:
            chosen = among.mask(ids)
            rows, ids = rows[chosen], ids[chosen]
        k = min(k, len(ids))
        return [self._best(query, rows, ids, k) for query in queries] if k else [[] for _ in queries]

    def _best(self, query: Matrix, rows: Matrix, ids: Ids, k: int) -> list[Hit]:
        rough = rows @ query
        # Twice the worst rounding error of one float32 product of unit-length rows.
        slack = 2 * self.dim * np.finfo(np.float32).eps * np.linalg.norm(query)
        near = np.flatnonzero(rough >= np.partition(rough, len(rough) - k)[len(rough) - k] - slack)
        scores = (rows[near].astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
        return sorted_hits(ids[near], scores, k)
