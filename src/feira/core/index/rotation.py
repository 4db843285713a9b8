"""A fixed rotation that spreads every embedding evenly over its coordinates, so that one 8-bit range fits them all."""

import hashlib

import numpy as np

from feira.core.types import Matrix

_LANES = 64
_ROWS_AT_ONCE = 1024


class Rotation:
    """Multiplies rows by an orthogonal matrix made of random signs and Hadamard blocks; inner products stay the same.

    Embeddings differ wildly between coordinates: a histogram of a plain photo is one large number and many zeros, a
    network's are peaked and positive. After the rotation the coordinates of any unit row behave like draws from
    N(0, 1/width), whatever the encoder. Only additions and subtractions of single elements are used, in a fixed order,
    so a row rotates to the same bits alone or in company and on every machine.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.width = -(-dim // _LANES) * _LANES
        self._block = self.width & -self.width
        bits = hashlib.shake_128(b"feira rotation 1").digest(self.width // 4)
        signs = np.unpackbits(np.frombuffer(bits, dtype=np.uint8)).astype(np.float32) * 2 - 1
        self._signs = signs.reshape(2, self.width, 1)

    def forward(self, rows: Matrix) -> Matrix:
        """Rotate rows of shape (n, dim) to (n, width); `width` is `dim` rounded up to a multiple of 64."""
        turned = np.empty((len(rows), self.width), dtype=np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            columns = np.zeros((self.width, len(part)), dtype=np.float32)
            columns[: self.dim] = part.T
            columns = self._mix(columns * self._signs[0])
            # The second round works across the blocks of the first.
            columns = columns.reshape(-1, self._block, len(part)).swapaxes(0, 1).reshape(self.width, -1)
            turned[start : start + _ROWS_AT_ONCE] = self._mix(columns * self._signs[1]).T
        return turned

    def backward(self, turned: Matrix) -> Matrix:
        """Undo `forward`, up to rounding."""
        columns = self._mix(np.ascontiguousarray(turned.T, dtype=np.float32)) * self._signs[1]
        columns = columns.reshape(self._block, -1, len(turned)).swapaxes(0, 1).reshape(self.width, -1)
        columns = self._mix(columns) * self._signs[0]
        return np.ascontiguousarray(columns[: self.dim].T)

    def _mix(self, columns: Matrix) -> Matrix:
        """Apply the normalised Hadamard transform to each block of `_block` coordinates (its own inverse)."""
        count, step = columns.shape[1], 1
        while step < self._block:
            pairs = columns.reshape(-1, 2, step, count)
            columns = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1)
            step *= 2
        mixed: Matrix = columns.reshape(self.width, count) * np.float32(self._block**-0.5)
        return mixed
