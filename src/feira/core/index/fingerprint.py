"""A number that says what an index holds and can be kept up to date as photos come and go.

The fingerprint of many photos is the sum of theirs, modulo 2⁶⁴, so the order in which they came does not matter. It
finds bits that flipped in memory; against somebody who wants to deceive there is the SHA-256 of the index.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MODULUS = 2**64
_ROWS_AT_ONCE = 4096


def fingerprint(ids: NDArray[np.int64], codes: NDArray[Any]) -> int:
    """Return the sum of a 64-bit hash of each photo's id and code row."""
    parts = range(0, len(ids), _ROWS_AT_ONCE)
    sums = (_sum_of_hashes(ids[start : start + _ROWS_AT_ONCE], codes[start : start + _ROWS_AT_ONCE]) for start in parts)
    return sum(sums) % _MODULUS


def _sum_of_hashes(ids: NDArray[np.int64], codes: NDArray[Any]) -> int:
    octets = np.ascontiguousarray(codes).view(np.uint8).reshape(len(ids), -1)
    if missing := -octets.shape[1] % 8:
        octets = np.pad(octets, ((0, 0), (0, missing)))
    words = np.ascontiguousarray(octets).view(np.uint64)
    hashes = ids.astype(np.int64).view(np.uint64) * _ODD_ID
    hashes += (words * _odd_numbers(words.shape[1])).sum(axis=1, dtype=np.uint64)
    # Not linear any more: otherwise two rows that change places would leave the sum as it was.
    for shift, factor in _MIX:
        hashes = (hashes ^ hashes >> shift) * factor
    return int((hashes ^ hashes >> np.uint64(31)).sum(dtype=np.uint64))


@cache
def _odd_numbers(count: int) -> NDArray[np.uint64]:
    numbers: NDArray[np.uint64] = np.random.default_rng(7).integers(0, _MODULUS, size=count, dtype=np.uint64) | _ONE
    return numbers


_ONE = np.uint64(1)
_ODD_ID = np.uint64(0x9E3779B97F4A7C15)
# The finishing steps of splitmix64 (Steele, Lea, Flood 2014).
_MIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
