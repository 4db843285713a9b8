"""Flat indexes: one table of code rows, scanned whole."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feira.core.index.base import CodedIndex, Ids, Places
from feira.core.index.coding import Codes, Coding
from feira.core.index.id_table import IdTable

Slots = NDArray[np.int64]


class DenseIndex(CodedIndex):
    """A table of one code row per photo; removing moves the last row into the hole, so slots stay dense.

    Subclasses keep the table and compare its rows. They speak of slots (positions in the table).
    """

    def __init__(self, coding: Coding) -> None:
        super().__init__(coding)
        self._slots = IdTable()
        self._ids: Ids = np.empty(0, dtype=np.int64)  # longer than the index: grown by half

    # What a subclass provides.

    @abstractmethod
    def _append_codes(self, codes: Codes) -> None:
        """Put codes behind the last slot."""

    @abstractmethod
    def _table(self) -> Codes:
        """Return a writable view of all codes, valid until the next `_append_codes` or `_truncate`."""

    @abstractmethod
    def _truncate(self, size: int) -> None:
        """Forget every slot from `size` on."""

    # The hooks of `CodedIndex`.

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._slots)

    def memory_bytes(self) -> int:
        """See CodedIndex."""
        return int(self._table().nbytes) + 8 * len(self) + self._slots.nbytes

    def _known(self, ids: Ids) -> NDArray[np.bool_]:
        return self._slots.get(ids) >= 0

    def _all_ids(self) -> Ids:
        return self._ids[: len(self)].copy()

    def _codes_of(self, ids: Ids) -> Codes:
        return self._table()[self._slots.get(ids)]

    def _replace(self, ids: Ids, codes: Codes, places: Places) -> None:  # noqa: ARG002  (it has one place)
        self._table()[self._slots.get(ids)] = codes

    def _append(self, ids: Ids, codes: Codes, places: Places) -> None:  # noqa: ARG002  (it has one place)
        size, needed = len(self), len(self) + len(ids)
        if needed > len(self._ids):
            grown = np.empty(max(needed, len(self._ids) * 3 // 2), dtype=np.int64)
            grown[:size] = self._ids[:size]
            self._ids = grown
        self._append_codes(codes)
        self._ids[size:needed] = ids
        self._slots.put(ids, np.arange(size, needed))

    def _drop(self, ids: Ids) -> None:
        size, slots = len(self) - len(ids), self._slots.get(ids)
        holes = np.sort(slots[slots < size])
        movers = np.setdiff1d(np.arange(size, len(self)), slots)
        table = self._table()
        table[holes] = table[movers]
        self._truncate(size)
        self._slots.discard(ids)
        self._ids[holes] = self._ids[movers]
        self._slots.put(self._ids[holes], holes)


def grown(table: NDArray[Any], needed: int) -> NDArray[Any]:
    """Return a copy of a table with room for `needed` rows and half as many again as it had."""
    larger = np.empty((max(needed, len(table) * 3 // 2), table.shape[1]), dtype=table.dtype)
    larger[: len(table)] = table
    return larger
