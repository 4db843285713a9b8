"""What every index in memory shares: how it is changed, asked, counted up and saved, whatever it keeps codes in."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from feira.core.errors import DimensionMismatch, SnapshotCorrupt
from feira.core.index.coding import Codes, Coding
from feira.core.index.fingerprint import fingerprint
from feira.core.index.locking import ReadWriteLock
from feira.core.photo_set import PhotoSet, as_photo_set
from feira.core.types import Hit, Matrix

Ids = NDArray[np.int64]
Extras = dict[str, NDArray[Any]]
Places = NDArray[np.float64]

# Rows that are copied, hashed and written at once: 4 MB of codes at 256 dimensions.
ROWS_AT_ONCE = 16_384


class CodedIndex(ABC):
    """An index of codes, one code row per photo id.

    Subclasses keep the codes and compare them. Their hooks are called under the lock, with ids that are known to be
    there (or new) and differ from each other.
    """

    kind: ClassVar[str]
    extra_files: ClassVar[tuple[str, ...]] = ()

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._lock = ReadWriteLock()
        self._fingerprint = 0

    # What a subclass provides.

    @abstractmethod
    def __len__(self) -> int:
        """Number of photos."""

    @abstractmethod
    def _known(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell for each id whether it is there."""

    @abstractmethod
    def _all_ids(self) -> Ids:
        """Return every id, in any order."""

    @abstractmethod
    def _codes_of(self, ids: Ids) -> Codes:
        """Return a copy of the codes of ids that are there, in order."""

    @abstractmethod
    def _replace(self, ids: Ids, codes: Codes, places: Places) -> None:
        """Give ids that are there new codes."""

    @abstractmethod
    def _append(self, ids: Ids, codes: Codes, places: Places) -> None:
        """Add ids that are not there."""

    @abstractmethod
    def _drop(self, ids: Ids) -> None:
        """Remove ids that are there."""

    @abstractmethod
    def _search(self, queries: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        """Compare; `k` is at least 1 and there is at least one photo and one query."""

    @abstractmethod
    def memory_bytes(self) -> int:
        """Memory that codes and ids take, spare room not counted."""

    # What the index promises.

    @property
    def coding(self) -> Coding:
        """How rows become codes."""
        return self._coding

    @property
    def dim(self) -> int:
        """Length of every row."""
        return self._coding.dim

    def __contains__(self, photo_id: int) -> bool:
        """Whether the photo is searchable."""
        return bool(self._known(np.array([photo_id], dtype=np.int64))[0])

    def ids(self) -> list[int]:
        """Every photo id, ascending."""
        ids: list[int] = self.id_array().tolist()
        return ids

    def id_array(self) -> Ids:
        """Every photo id, ascending, as an array."""
        with self._lock.reading():
            return np.sort(self._all_ids())

    def add(self, photo_ids: Sequence[int] | Ids, rows: Matrix) -> None:
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
        if len(rows):
            self.add_codes(np.asarray(photo_ids, dtype=np.int64), self._coding.encode(rows))

    def add_codes(self, photo_ids: Ids, codes: Codes) -> None:
        """Add rows that were coded by an index of the same coding; otherwise as `add`."""
        backwards, last = np.unique(photo_ids[::-1], return_index=True)
        ids, codes = backwards, np.ascontiguousarray(codes[len(photo_ids) - 1 - last])
        places = self._places_for(codes)
        with self._lock.writing():
            known = self._known(ids)
            old, fresh = ids[known], ids[~known]
            if len(old):
                self._fingerprint -= fingerprint(old, self._codes_of(old))
                self._replace(old, codes[known], places[known])
            if len(fresh):
                self._append(fresh, codes[~known], places[~known])
            self._fingerprint += fingerprint(ids, codes)

    def remove(self, photo_ids: Sequence[int] | Ids) -> int:
        """Remove photos, unknown ids are ignored; return how many were there."""
        ids = np.unique(np.asarray(photo_ids, dtype=np.int64))
        with self._lock.writing():
            gone = ids[self._known(ids)]
            if len(gone):
                self._fingerprint -= fingerprint(gone, self._codes_of(gone))
                self._drop(gone)
            return len(gone)

    def search(self, queries: Matrix, k: int, *, among: PhotoSet | Sequence[int] | None = None) -> list[list[Hit]]:
        """Return the `k` best photos for each query, highest score first; ties go to the lower photo id.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """
        queries = self._checked(queries)
        chosen = None if among is None else as_photo_set(among)
        with self._lock.reading():
            most = self._most()
            k = min(k, most, most if chosen is None else len(chosen))
            if k <= 0 or len(queries) == 0:
                return [[] for _ in queries]
            return self._search(queries, k, chosen)

    def vectors(self, photo_ids: Sequence[int] | Ids) -> Matrix:
        """Return the stored rows (as precise as the index keeps them), in order.

        Raises:
            KeyError: one of the photos is not in the index.
        """
        return self._coding.decode(self.codes(photo_ids))

    def codes(self, photo_ids: Sequence[int] | Ids) -> Codes:
        """Return the stored codes, in order.

        Raises:
            KeyError: one of the photos is not in the index.
        """
        ids = np.asarray(photo_ids, dtype=np.int64)
        with self._lock.reading():
            known = self._known(ids)
            if not known.all():
                raise KeyError(int(ids[~known][0]))
            return self._codes_of(ids)

    def codes_present(self, photo_ids: Ids) -> tuple[Ids, Codes]:
        """Return those of the ids that are there, and their codes."""
        with self._lock.reading():
            present = photo_ids[self._known(photo_ids)]
            return present, self._codes_of(present)

    def checksum(self) -> str:
        """SHA-256 over ids and stored codes in id order: equal content, equal checksum, whatever kind or history.

        With a projection its version is part of it, for the codes mean nothing without.
        """
        projection = self._coding.projection
        digest = hashlib.sha256(projection.version.encode() if projection else b"")
        with self._lock.reading():
            ids = np.sort(self._all_ids())
            digest.update(ids.astype("<i8").tobytes())
            for start in range(0, len(ids), ROWS_AT_ONCE):
                digest.update(self._codes_of(ids[start : start + ROWS_AT_ONCE]).tobytes())
        return digest.hexdigest()

    def is_intact(self) -> bool:
        """Whether memory still holds the codes that were put there; about 0.1 s per million photos.

        Every change keeps a running sum of hashes of its rows. A bit that flipped in memory since makes it differ.
        """
        with self._lock.reading():
            ids = np.sort(self._all_ids())
            parts = (ids[start : start + ROWS_AT_ONCE] for start in range(0, len(ids), ROWS_AT_ONCE))
            found = sum(fingerprint(part, self._codes_of(part)) for part in parts)
            return (found - self._fingerprint) % 2**64 == 0

    def save(self, folder: Path) -> None:
        """Write `ids.npy` and `codes.npy`, in id order, into a folder that exists."""
        with self._lock.reading():
            ids = np.sort(self._all_ids())
            np.save(folder / "ids.npy", ids, allow_pickle=False)
            shape = (len(ids), self._coding.width)
            with (folder / "codes.npy").open("wb") as stream:
                header = {"descr": self._coding.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for start in range(0, len(ids), ROWS_AT_ONCE):
                    stream.write(self._codes_of(ids[start : start + ROWS_AT_ONCE]).tobytes())
            for name, values in self._extras(ids).items():
                np.save(folder / f"{name}.npy", values, allow_pickle=False)

    def fill_from(self, folder: Path) -> Self:
        """Fill an empty index with what `save` wrote and return it.

        Raises:
            SnapshotCorrupt: the files are missing, no arrays, or do not belong together.
        """
        try:
            ids = np.load(folder / "ids.npy", allow_pickle=False)
            codes = np.load(folder / "codes.npy", allow_pickle=False, mmap_mode="r")
            extras = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in self.extra_files}
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotCorrupt(f"The index in {folder} cannot be read ({error}); delete it to rebuild.") from error
        well_formed = ids.dtype == np.int64 and ids.ndim == 1 and codes.dtype == self._coding.dtype
        if not well_formed or codes.shape != (len(ids), self._coding.width) or not (np.diff(ids) > 0).all():
            raise SnapshotCorrupt(f"The arrays of the index in {folder} do not belong together; delete it to rebuild.")
        self._fill(ids, codes, extras)
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            self._fingerprint += fingerprint(ids[part], np.ascontiguousarray(codes[part]))
        return self

    def _fill(self, ids: Ids, codes: Codes, extras: Extras) -> None:  # noqa: ARG002  (for kinds that keep more)
        """Take ids, ascending, and their codes (mapped from the file) into an empty index.

        Raises:
            SnapshotCorrupt: the extras do not belong to them.
        """
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            some = np.ascontiguousarray(codes[part])
            self._append(ids[part], some, self._places_for(some))

    def _places_for(self, codes: Codes) -> Places:
        """Return where codes will go, one row each; asked before the lock is taken, because it may take a while."""
        return np.empty((len(codes), 0))

    def _most(self) -> int:
        """Return a number of photos that is not too low; for kinds that take long to count."""
        return len(self)

    def _extras(self, ids: Ids) -> Extras:  # noqa: ARG002  (for kinds that keep more)
        """Return what else is saved, by the names in `extra_files`; `ids` are all of them in their order."""
        return {}

    def _checked(self, rows: Matrix) -> Matrix:
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2:
            raise ValueError(f"Rows come as a matrix of shape (n, {self.dim}), not of shape {rows.shape}.")
        if rows.shape[1] != self.dim:
            raise DimensionMismatch(expected=self.dim, got=rows.shape[1])
        return rows


def sorted_hits(ids: Ids, scores: Matrix, k: int) -> list[Hit]:
    """Return the `k` best, highest score first, ties to the lower id."""
    best = np.lexsort((ids, -scores))[:k]
    return [Hit(photo_id, score) for photo_id, score in zip(ids[best].tolist(), scores[best].tolist(), strict=True)]
