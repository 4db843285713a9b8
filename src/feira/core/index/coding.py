"""How rows become the codes that an index keeps; each row on its own, so that a code never depends on its company."""

from functools import cached_property
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from feira.core.index.rotation import Rotation
from feira.core.learning.pca import Projection
from feira.core.types import Matrix

Codes = NDArray[Any]

# Half the coded range, in standard deviations of a rotated coordinate: one in 1.7 million falls outside and is clipped.
_RANGE = 5.0
_FEW_QUERIES = 32
_ROWS_AT_ONCE = 8192


class Coding(Protocol):
    """Turns rows of `dim` numbers into code rows of `width` numbers of `dtype`, and back as well as can be."""

    dim: int
    width: int
    dtype: np.dtype[Any]
    projection: Projection | None

    def encode(self, rows: Matrix) -> Codes:
        """Return one code row per row."""

    def decode(self, codes: Codes) -> Matrix:
        """Return rows of shape (n, dim)."""


class FloatCoding:
    """Keeps rows as they are."""

    projection: Projection | None = None

    def __init__(self, dim: int) -> None:
        self.dim = self.width = dim
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def encode(self, rows: Matrix) -> Codes:
        """See Coding."""
        return rows

    def decode(self, codes: Codes) -> Matrix:
        """See Coding."""
        return codes


class ByteCoding:
    """One byte per coordinate: projected to fewer dimensions when told how, rotated, and cut into 255 equal steps.

    The range is fixed (±5 standard deviations after a fixed rotation) and never trained on data. So codes depend on
    nothing but their row (and the projection): two indexes of the same rows have the same checksum, whatever their
    kind and history.
    """

    def __init__(self, dim: int, projection: Projection | None = None) -> None:
        if projection is not None and projection.dim != dim:
            raise ValueError(f"The projection is for {projection.dim} dimensions, the rows have {dim}.")
        self.dim, self.projection = dim, projection
        self._rotation = Rotation(projection.reduced_dim if projection else dim)
        self.width, self.dtype = self._rotation.width, np.dtype(np.uint8)
        self.limit = np.float32(_RANGE / self.width**0.5)
        self._quantiser = self.empty_table()

    def empty_table(self) -> Any:
        """Return a faiss table that compares codes of this kind with turned queries by inner product."""
        table = faiss.IndexScalarQuantizer(self.width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        table.train(self.corners())
        return table

    def corners(self) -> Matrix:
        """Return the lowest and the highest turned row that the codes can hold: all that a faiss quantiser learns."""
        ends = np.array([[-1.0], [1.0]], dtype=np.float32) * self.limit
        return np.repeat(ends, self.width, axis=1)

    def turn(self, rows: Matrix) -> Matrix:
        """Return rows as codes see them: shape (n, width), float32; each to the same bits on every machine."""
        return self._rotation.forward(self.projection.forward(rows) if self.projection else rows)

    def turn_queries(self, queries: Matrix) -> Matrix:
        """Return queries as codes see them; a few by a plain product, which is quicker and need not be portable."""
        if len(queries) > _FEW_QUERIES:
            return self.turn(queries)
        if self.projection:
            queries = self.projection.forward(queries)
        # One by one: in company a product may round differently.
        return np.stack([query @ self._turning for query in queries])

    @cached_property
    def _turning(self) -> Matrix:
        return self._rotation.forward(np.eye(self._rotation.dim, dtype=np.float32))

    def encode(self, rows: Matrix) -> Codes:
        """See Coding."""
        codes = np.empty((len(rows), self.width), dtype=np.uint8)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            codes[part] = self._quantiser.sa_encode(self.turn(rows[part]))
        return codes

    def decode(self, codes: Codes) -> Matrix:
        """See Coding."""
        if len(codes) == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        rows = self._rotation.backward(self.decode_turned(codes))
        return self.projection.backward(rows) if self.projection else rows

    def decode_turned(self, codes: Codes) -> Matrix:
        """Return turned rows, shape (n, width)."""
        turned: Matrix = self._quantiser.sa_decode(np.ascontiguousarray(codes))
        return turned
