"""The small frozen records and array types that the rooms of the core exchange."""

from dataclasses import dataclass
from typing import Annotated, NewType

import numpy as np
from numpy.typing import NDArray

PhotoId = NewType("PhotoId", int)

Vector = Annotated[NDArray[np.float32], "shape (dim,), unit length"]
Matrix = Annotated[NDArray[np.float32], "shape (n, dim), rows of unit length"]
Pixels = Annotated[NDArray[np.uint8], "shape (height, width, 3), sRGB"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One photo proposed by an index, with its inner product with the query (cosine, −1 to 1)."""

    photo_id: int
    score: float
