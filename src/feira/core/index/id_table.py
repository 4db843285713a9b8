"""A table from photo ids to small numbers in two flat arrays, asked and changed by whole arrays.

A Python dictionary of a million ids takes over 100 MB and is filled one id at a time; this one takes 20 to 40 MB and is
filled in a tenth of a second. Open addressing with linear probing (Knuth, volume 3, 6.4, algorithm L).
"""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Values = NDArray[np.int64]

_EMPTY, _GONE = -1, -2
_FULLEST = 0.6
_SMALLEST = 16
# The golden ratio as a 64-bit fraction: neighbouring ids land far apart (Fibonacci hashing).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class IdTable:
    """Maps ids to numbers from 0 to 2³¹ − 1. Not locked: its owner is."""

    def __init__(self) -> None:
        self._make(_SMALLEST)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Memory that the table takes."""
        return self._keys.nbytes + self._values.nbytes

    def ids(self) -> Ids:
        """Return every id, in no order."""
        return self._keys[self._values >= 0]

    def get(self, ids: Ids) -> Values:
        """Return the number of each id, −1 where it has none."""
        places = self._find(ids)
        found = self._values[np.maximum(places, 0)].astype(np.int64)
        found[places < 0] = -1
        return found

    def put(self, ids: Ids, values: Values) -> None:
        """Set the numbers of ids, which must differ from each other."""
        if self._used + len(ids) > _FULLEST * len(self._keys):
            self._rehash(self._count + len(ids))
        places = self._find(ids)
        known = places >= 0
        self._values[places[known]] = values[known]
        fresh, numbers = ids[~known], values[~known]
        pending, places = np.arange(len(fresh)), self._home(fresh)
        while len(pending):
            wanted = places[pending]
            free = self._values[wanted] < 0
            # Of several that want one place the last to write gets it, and the others look further.
            self._keys[wanted[free]] = fresh[pending[free]]
            got = free & (self._keys[wanted] == fresh[pending])
            self._used += int((self._values[wanted[got]] == _EMPTY).sum())
            self._values[wanted[got]] = numbers[pending[got]]
            pending = pending[~got]
            places[pending] = places[pending] + 1 & self._mask
        self._count += len(fresh)

    def discard(self, ids: Ids) -> None:
        """Forget ids, which must differ from each other; unknown ones are ignored."""
        places = self._find(ids)
        places = places[places >= 0]
        self._values[places] = _GONE
        self._count -= len(places)

    def shrink(self) -> None:
        """Give back the room of ids that went."""
        self._rehash(self._count)

    def _make(self, size: int) -> None:
        self._keys: Ids = np.zeros(size, dtype=np.int64)
        self._values: NDArray[np.int32] = np.full(size, _EMPTY, dtype=np.int32)
        self._mask = size - 1
        self._shift = np.uint64(64 - self._mask.bit_length())
        self._count = self._used = 0

    def _rehash(self, count: int) -> None:
        live = self._values >= 0
        ids, values = self._keys[live], self._values[live].astype(np.int64)
        size = _SMALLEST
        while count > _FULLEST / 1.5 * size:  # half as much again fits before the next time
            size *= 2
        self._make(size)
        if len(ids):
            self.put(ids, values)

    def _home(self, ids: Ids) -> Ids:
        return (ids.view(np.uint64) * _GOLDEN >> self._shift).astype(np.int64)

    def _find(self, ids: Ids) -> Ids:
        """Return the place of each id, −1 where it has none."""
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        found = np.full(len(ids), -1, dtype=np.int64)
        pending, places = np.arange(len(ids)), self._home(ids)
        while len(pending):
            wanted = places[pending]
            values = self._values[wanted]
            here = (values >= 0) & (self._keys[wanted] == ids[pending])
            found[pending[here]] = wanted[here]
            pending = pending[~here & (values != _EMPTY)]
            places[pending] = places[pending] + 1 & self._mask
        return found
