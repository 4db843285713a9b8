"""What every flat index shares: which photo sits in which slot, who may read when, and how it is saved."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import DimensionMismatch, SnapshotCorrupt
from feira.core.index.locking import ReadWriteLock
from feira.core.types import Hit, Matrix

Slots = NDArray[np.int64]
Codes = NDArray[Any]


class DenseIndex(ABC):
    """A table of one code row per photo; removing moves the last row into the hole, so slots stay dense.

    Subclasses say how rows become codes and how codes are compared. They are called under the lock and speak of slots
    (positions in the table); this class speaks of photo ids.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._lock = ReadWriteLock()
        self._slot_of: dict[int, int] = {}
        self._ids: Slots = np.empty(0, dtype=np.int64)  # longer than the index: grown by doubling

    # What a subclass provides.

    @abstractmethod
    def _encode(self, rows: Matrix) -> Codes:
        """Turn rows into codes, each row on its own so that a code never depends on its company."""

    @abstractmethod
    def _decode(self, codes: Codes) -> Matrix:
        """Turn codes back into rows, as well as can be."""

    @abstractmethod
    def _append(self, codes: Codes) -> None:
        """Put codes behind the last slot."""

    @abstractmethod
    def _table(self) -> Codes:
        """Return a writable view of all codes, valid until the next `_append` or `_truncate`."""

    @abstractmethod
    def _truncate(self, size: int) -> None:
        """Forget every slot from `size` on."""

    @abstractmethod
    def _scan(self, queries: Matrix, k: int, among: Slots | None) -> list[list[Hit]]:
        """Compare; `k` is at least 1 and at most the number of photos to compare with."""

    @classmethod
    @abstractmethod
    def _row_type(cls, dim: int) -> tuple[np.dtype[Any], int]:
        """Return the dtype and the length of a code row."""

    # What the index promises.

    @property
    def dim(self) -> int:
        """Length of every row."""
        return self._dim

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._slot_of)

    def __contains__(self, photo_id: int) -> bool:
        """Whether the photo is searchable."""
        return photo_id in self._slot_of

    def ids(self) -> list[int]:
        """Every photo id, ascending."""
        with self._lock.reading():
            return sorted(self._slot_of)

    def add(self, photo_ids: Sequence[int], rows: Matrix) -> None:
        """Add rows, replacing those whose id is already there; the last one wins within a call.

        Raises:
            DimensionMismatch: the rows come from another encoder.
            ValueError: there are not as many ids as rows, or a row is not made of finite numbers; nothing is added.
        """
        rows = self._checked(rows)
        if len(photo_ids) != len(rows):
            raise ValueError(f"There are {len(photo_ids)} photo ids for {len(rows)} rows; give one id per row.")
        if not np.isfinite(rows).all():
            raise ValueError("A row holds infinity or NaN, which cannot be compared; encode the photo again.")
        if len(rows) == 0:
            return
        codes = self._encode(rows)
        last = {int(photo_id): row for row, photo_id in enumerate(photo_ids)}
        with self._lock.writing():
            known = [(self._slot_of[photo_id], row) for photo_id, row in last.items() if photo_id in self._slot_of]
            fresh = [(photo_id, row) for photo_id, row in last.items() if photo_id not in self._slot_of]
            if known:
                slots, chosen = zip(*known, strict=True)
                self._table()[list(slots)] = codes[list(chosen)]
            if fresh:
                new_ids, chosen = zip(*fresh, strict=True)
                self._append(codes[list(chosen)])
                self._remember(new_ids)

    def remove(self, photo_ids: Sequence[int]) -> int:
        """Remove photos, unknown ids are ignored; return how many were there."""
        with self._lock.writing():
            gone = {int(photo_id) for photo_id in photo_ids} & self._slot_of.keys()
            if not gone:
                return 0
            size = len(self._slot_of) - len(gone)
            slots = np.array([self._slot_of[photo_id] for photo_id in gone], dtype=np.int64)
            holes = np.sort(slots[slots < size])
            tail = np.arange(size, len(self._slot_of), dtype=np.int64)
            movers = np.setdiff1d(tail, slots)
            table = self._table()
            table[holes] = table[movers]
            self._truncate(size)
            self._ids[holes] = self._ids[movers]
            for photo_id in gone:
                del self._slot_of[photo_id]
            self._slot_of.update(zip(self._ids[holes].tolist(), holes.tolist(), strict=True))
            return len(gone)

    def search(self, queries: Matrix, k: int, *, among: Sequence[int] | None = None) -> list[list[Hit]]:
        """Return the `k` best photos for each query, highest score first; ties go to the lower photo id.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """
        queries = self._checked(queries)
        with self._lock.reading():
            slots = None
            if among is not None:
                found = {slot for photo_id in among if (slot := self._slot_of.get(int(photo_id))) is not None}
                slots = np.array(sorted(found), dtype=np.int64)
            k = min(k, len(self._slot_of) if slots is None else len(slots))
            if k <= 0 or len(queries) == 0:
                return [[] for _ in queries]
            return self._scan(queries, k, slots)

    def vectors(self, photo_ids: Sequence[int]) -> Matrix:
        """Return the stored rows (as precise as the index keeps them), in order.

        Raises:
            KeyError: one of the photos is not in the index.
        """
        with self._lock.reading():
            slots = [self._slot_of[int(photo_id)] for photo_id in photo_ids]
            codes = self._table()[slots]
        return self._decode(codes)

    def checksum(self) -> str:
        """SHA-256 over ids and stored codes in id order: equal content, equal checksum, whatever the history."""
        ids, codes = self._in_id_order()
        digest = hashlib.sha256(ids.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(codes).tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write `ids.npy` and `codes.npy`, in id order, into a folder that exists."""
        ids, codes = self._in_id_order()
        np.save(folder / "ids.npy", ids, allow_pickle=False)
        np.save(folder / "codes.npy", codes, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, *, dim: int) -> Self:
        """Read back what `save` wrote.

        Raises:
            SnapshotCorrupt: the files are missing, no arrays, or do not belong together.
        """
        try:
            ids = np.load(folder / "ids.npy", allow_pickle=False)
            codes = np.load(folder / "codes.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotCorrupt(f"The index in {folder} cannot be read ({error}); delete it to rebuild.") from error
        dtype, length = cls._row_type(dim)
        well_formed = ids.dtype == np.int64 and ids.ndim == 1 and codes.dtype == dtype
        if not well_formed or codes.shape != (len(ids), length) or not (np.diff(ids) > 0).all():
            raise SnapshotCorrupt(f"The arrays of the index in {folder} do not belong together; delete it to rebuild.")
        index = cls(dim)
        if len(ids):
            index._append(codes)
            index._remember(ids.tolist())
        return index

    # Helpers.

    def _checked(self, rows: Matrix) -> Matrix:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2:
            raise ValueError(f"Rows come as a matrix of shape (n, {self._dim}), not of shape {rows.shape}.")
        if rows.shape[1] != self._dim:
            raise DimensionMismatch(expected=self._dim, got=rows.shape[1])
        return rows

    def _remember(self, new_ids: Sequence[int]) -> None:
        """Note the photos of freshly appended slots."""
        size, needed = len(self._slot_of), len(self._slot_of) + len(new_ids)
        if needed > len(self._ids):
            grown = np.empty(max(needed, 2 * len(self._ids)), dtype=np.int64)
            grown[:size] = self._ids[:size]
            self._ids = grown
        self._ids[size:needed] = new_ids
        self._slot_of.update(zip(new_ids, range(size, needed), strict=True))

    def _in_id_order(self) -> tuple[Slots, Codes]:
        with self._lock.reading():
            ids = self._ids[: len(self._slot_of)]
            order = np.argsort(ids)
            return ids[order], self._table()[order]
