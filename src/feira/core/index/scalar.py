"""The shop's index: one byte per coordinate, every photo compared, nothing to train."""

from typing import Any

import faiss
import numpy as np

from feira.core.index.dense import Codes, DenseIndex, Slots
from feira.core.index.rotation import Rotation
from feira.core.types import Hit, Matrix

# Half the coded range, in standard deviations of a rotated coordinate: one in 1.7 million falls outside and is clipped.
_RANGE = 5.0
# Asked for beyond k, so that a few equal scores at the edge need no second scan.
_SPARE = 16


class ScalarIndex(DenseIndex):
    """Scans 8-bit codes with faiss: about 1 to 4 ms per 100,000 photos of 256 dimensions and exact under any filter.

    The quantiser's range is fixed (±5 standard deviations after a fixed rotation) and never trained on data. So codes
    depend on nothing but their row: two indexes of the same rows have the same checksum, whatever their history.
    Scores differ from the exact ones by 0.002 at most in practice, by 0.02 in theory; equal rows score exactly equally.
    On 3,068 photos of clothing recall@20 against the exact index is 0.996 for both of our encoders; without the
    rotation it was 0.97 at best at this range, because a few large coordinates were clipped.
    """

    kind = "scalar"

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._rotation = Rotation(dim)
        width = self._rotation.width
        self._flat = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        limits = np.array([[-1.0], [1.0]], dtype=np.float32) * np.float32(_RANGE / width**0.5)
        self._flat.train(np.repeat(limits, width, axis=1))

    @classmethod
    def _row_type(cls, dim: int) -> tuple[np.dtype[Any], int]:
        return np.dtype(np.uint8), Rotation(dim).width

    def _encode(self, rows: Matrix) -> Codes:
        codes: Codes = self._flat.sa_encode(self._rotation.forward(rows))
        return codes

    def _decode(self, codes: Codes) -> Matrix:
        if len(codes) == 0:
            return np.empty((0, self._dim), dtype=np.float32)
        return self._rotation.backward(self._flat.sa_decode(codes))

    def _append(self, codes: Codes) -> None:
        self._flat.add_sa_codes(np.ascontiguousarray(codes))

    def _table(self) -> Codes:
        size, width = self._flat.ntotal, self._rotation.width
        if size == 0:
            return np.empty((0, width), dtype=np.uint8)
        table: Codes = faiss.rev_swig_ptr(self._flat.codes.data(), size * width).reshape(size, width)
        return table

    def _truncate(self, size: int) -> None:
        self._flat.remove_ids(faiss.IDSelectorRange(size, self._flat.ntotal))

    def _scan(self, queries: Matrix, k: int, among: Slots | None) -> list[list[Hit]]:
        turned = self._rotation.forward(queries)
        size, params = self._flat.ntotal, None
        if among is not None:
            chosen = np.zeros(size, dtype=bool)
            chosen[among] = True
            size = len(among)
            # faiss replaces these constructors at import, which its type stubs do not tell.
            bitmap = np.packbits(chosen, bitorder="little")
            selector = faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
            params = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        fetch = min(size, k + _SPARE)
        while True:
            scores, slots = self._flat.search(turned, fetch, params=params)
            # faiss cuts ties as they come; look further until the last place is worse than the k-th.
            if fetch == size or not (scores[:, k - 1] == scores[:, -1]).any():
                return [self._sorted(*found)[:k] for found in zip(scores, slots, strict=True)]
            fetch = min(size, 4 * fetch)

    def _sorted(self, scores: Matrix, slots: Slots) -> list[Hit]:
        scores, slots = scores[slots >= 0], slots[slots >= 0]  # faiss pads with -1 when a query is not a number
        ids = self._ids[slots]
        order = np.lexsort((ids, -scores))
        return [
            Hit(photo_id, score) for photo_id, score in zip(ids[order].tolist(), scores[order].tolist(), strict=True)
        ]
