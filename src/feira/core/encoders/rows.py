"""The last step of every encoder: raw rows become unit rows, or a clear error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import EncoderError
from feira.core.types import Matrix


def unit_rows(rows: NDArray[Any], *, count: int, dim: int, encoder_id: str) -> Matrix:
    """Return the rows as float32 of length one.

    Raises:
        EncoderError: the shape is not (count, dim), or a row is zero or holds NaN or infinity.
    """
    if rows.shape != (count, dim):
        raise EncoderError(
            f"{encoder_id} answered with shape {rows.shape} for {count} images of {dim} dimensions; "
            "check that the model folder belongs to this encoder."
        )
    precise = rows.astype(np.float64)
    lengths = np.linalg.norm(precise, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise EncoderError(f"{encoder_id} answered with zeros or with something that is no number; try another photo.")
    unit: Matrix = (precise / lengths).astype(np.float32)
    return unit
