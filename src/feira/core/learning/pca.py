"""Fewer dimensions for the same neighbours: the principal directions of one encoder's embeddings.

The directions are those of the second moment about the origin, not about the mean: projecting is then linear, so a
query that was made from vectors (a bridge from words, "like this, but red", the mean of liked photos) stays the same
query after it, and inner products stay what they were up to what the left-out directions held.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from feira.core.types import Matrix

FORMAT = "feira projection 1"
# Rows become whole numbers of at most 2^12 and directions of at most 2^11. Every partial sum of a product of unit rows
# is then below 2^24, which float32 holds exactly: a row is projected to the same bits alone or in company, whatever
# the order of additions, on every machine. The rounding costs a twentieth of what 8-bit codes cost afterwards.
_ROW_SCALE, _DIRECTION_SCALE = 4096.0, 2048.0
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Projection:
    """An orthonormal map from `dim` to `reduced_dim` dimensions; `directions` has shape (dim, reduced_dim), int16."""

    directions: NDArray[np.int16]

    @property
    def dim(self) -> int:
        """Length of rows before."""
        return int(self.directions.shape[0])

    @property
    def reduced_dim(self) -> int:
        """Length of rows after."""
        return int(self.directions.shape[1])

    @cached_property
    def version(self) -> str:
        """Name the content: the first 16 hexadecimal digits of the SHA-256 of `pack`."""
        return hashlib.sha256(self.pack()).hexdigest()[:16]

    def forward(self, rows: Matrix) -> Matrix:
        """Project rows of shape (n, dim) to unit rows of shape (n, reduced_dim); their length does not matter.

        A row that is orthogonal to every direction becomes zeros.
        """
        reduced = np.empty((len(rows), self.reduced_dim), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = _unit(np.ascontiguousarray(rows[start : start + _ROWS_AT_ONCE], dtype=np.float32))
            reduced[start : start + _ROWS_AT_ONCE] = np.rint(part * np.float32(_ROW_SCALE)) @ self._whole
        return _unit(reduced)

    def backward(self, reduced: Matrix) -> Matrix:
        """Return the unit rows of shape (n, dim) that lie in the kept directions."""
        return _unit(np.asarray(reduced, dtype=np.float32) @ self._whole.T)

    def pack(self) -> bytes:
        """Return bytes for `unpack`: a line of JSON, then the directions as little-endian int16, row after row."""
        head = {"format": FORMAT, "dim": self.dim, "reduced_dim": self.reduced_dim}
        return json.dumps(head).encode() + b"\n" + self.directions.astype("<i2").tobytes()

    @classmethod
    def unpack(cls, content: bytes) -> "Projection":
        """Return the projection that `pack` wrote.

        Raises:
            ValueError: the bytes are no packed projection.
        """
        line, _, body = content.partition(b"\n")
        try:
            head = json.loads(line)
            shape = (int(head["dim"]), int(head["reduced_dim"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"These bytes are no projection: {error!r}.") from error
        if head.get("format") != FORMAT or min(shape) < 1 or len(body) != 2 * shape[0] * shape[1]:
            raise ValueError("These bytes are no projection of a format that this Feira reads.")
        return cls(np.frombuffer(body, dtype="<i2").reshape(shape).astype(np.int16))

    @cached_property
    def _whole(self) -> Matrix:
        return np.ascontiguousarray(self.directions, dtype=np.float32)


def fit_projection(rows: Matrix, *, reduced_dim: int) -> Projection:
    """Return the projection to the `reduced_dim` directions that hold most of these rows.

    The same rows in another order give the same directions up to rounding. Each direction's sign is chosen so that its
    largest coordinate is positive.

    Args:
        rows: shape (n, dim), float32, unit length; a few thousand are enough, at least `reduced_dim`.

    Raises:
        ValueError: there are fewer rows, or fewer dimensions, than directions asked for.
    """
    count, dim = rows.shape
    if reduced_dim > min(count, dim):
        raise ValueError(f"{count} rows of {dim} dimensions do not have {reduced_dim} directions; ask for fewer.")
    moment = np.zeros((dim, dim), dtype=np.float64)
    for start in range(0, count, _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE].astype(np.float64)
        moment += part.T @ part
    _strengths, directions = np.linalg.eigh(moment)
    chosen = directions[:, ::-1][:, :reduced_dim]
    peaks = chosen[np.abs(chosen).argmax(axis=0), np.arange(reduced_dim)]
    return Projection(np.rint(chosen * np.sign(peaks) * _DIRECTION_SCALE).astype(np.int16))


def neighbour_overlap(full: Matrix, reduced: Matrix, *, queries: int, k: int = 10) -> float:
    """Return how many of the `k` nearest rows stay the nearest, as a mean share over the first `queries` rows.

    A query is not its own neighbour.

    Args:
        full, reduced: the same rows before and after, shapes (n, dim) and (n, reduced_dim), more than `k` of them.
    """
    shares = []
    for query in range(min(queries, len(full))):
        before, after = (_nearest(rows, query, k) for rows in (full, reduced))
        shares.append(len(before & after) / k)
    return float(np.mean(shares))


def _nearest(rows: Matrix, query: int, k: int) -> set[int]:
    scores = rows @ rows[query]
    scores[query] = -np.inf
    return set(np.argpartition(-scores, k)[:k].tolist())


def _unit(rows: Matrix) -> Matrix:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)
