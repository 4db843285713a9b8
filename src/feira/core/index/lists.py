"""Code rows in faiss's inverted lists, changed by whole arrays and truly deleted."""

from itertools import pairwise
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from feira.core.index.base import Ids
from feira.core.index.coding import ByteCoding, Codes
from feira.core.index.id_table import IdTable
from feira.core.types import Matrix

ListNumbers = NDArray[np.int64]

# Room that a freshly filled list leaves for photos to come; beyond it faiss doubles the list.
_ROOM = 1.125


class CodeLists:
    """Which list holds which photo, and the codes in each; faiss scans them.

    Args:
        count: how many lists.

    Attributes:
        sizes: how many photos are in each list.
    """

    def __init__(self, coding: ByteCoding, count: int) -> None:
        self._width, self.count = coding.width, count
        # The quantizer is never asked: lists are chosen by `Centroids`.
        self._quantizer = faiss.IndexFlatIP(coding.width)
        self._quantizer.add(np.zeros((count, coding.width), dtype=np.float32))
        self._ivf = faiss.IndexIVFScalarQuantizer(
            self._quantizer,
            coding.width,
            count,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
            False,
        )
        self._ivf.train(coding.corners())
        self._lists: Any = faiss.downcast_InvertedLists(self._ivf.invlists)  # type: ignore[arg-type]
        self._list_of = IdTable()
        self.sizes = np.zeros(count, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._list_of)

    def list_of(self, ids: Ids) -> ListNumbers:
        """Return the list of each id, −1 for those that are in none."""
        return self._list_of.get(ids)

    def ids(self) -> Ids:
        """Return every id, in no order."""
        return self._list_of.ids()

    def memory_bytes(self) -> int:
        """Return what codes, ids and table take, spare room not counted."""
        return len(self) * (self._width + 8) + self._list_of.nbytes

    def reserve(self, sizes: NDArray[np.int64]) -> None:
        """Make room for so many photos in each list and a few more; only while all are empty."""
        for number, size in enumerate((sizes * _ROOM).astype(np.int64).tolist()):
            self._lists.resize(number, size)
            self._lists.resize(number, 0)

    def append(self, ids: Ids, codes: Codes, numbers: ListNumbers) -> None:
        """Put ids that are in no list into the lists of these numbers."""
        order = np.argsort(numbers, kind="stable")
        ids, codes, numbers = ids[order], np.ascontiguousarray(codes[order]), numbers[order]
        for start, end in _runs(numbers):
            self._lists.add_entries(
                int(numbers[start]), end - start, faiss.swig_ptr(ids[start:end]), faiss.swig_ptr(codes[start:end])
            )
        self._list_of.put(ids, numbers)
        self.sizes += np.bincount(numbers, minlength=self.count)
        self._ivf.ntotal = len(self._list_of)

    def drop(self, ids: Ids) -> None:
        """Remove ids that are in lists; the last photos of a list move into the holes."""
        for number, chosen in _by_list(self._list_of.get(ids)):
            held, codes = self._view(number)
            places = _places(held, ids[chosen])
            size = len(held) - len(places)
            holes = places[places < size]
            movers = np.setdiff1d(np.arange(size, len(held)), places)
            held[holes], codes[holes] = held[movers], codes[movers]
            self._lists.resize(number, size)
            self.sizes[number] = size
        self._list_of.discard(ids)
        self._ivf.ntotal = len(self._list_of)

    def codes_of(self, ids: Ids) -> Codes:
        """Return a copy of the codes of ids that are in lists, in order."""
        found = np.empty((len(ids), self._width), dtype=np.uint8)
        for number, chosen in _by_list(self._list_of.get(ids)):
            held, codes = self._view(number)
            found[chosen] = codes[_places(held, ids[chosen])]
        return found

    def scan(
        self, turned: Matrix, numbers: ListNumbers, fetch: int, *, selector: Any = None
    ) -> tuple[Matrix, NDArray[np.int64]]:
        """Return scores and ids of the `fetch` best in these lists for each query, best first, padded with id −1.

        Args:
            numbers: shape (queries, probes): the lists that each query looks into; −1 for none.
            selector: a faiss selector of photo ids.
        """
        queries, probes = numbers.shape
        scores = np.empty((queries, fetch), dtype=np.float32)
        ids = np.empty((queries, fetch), dtype=np.int64)
        # A pointer keeps no array alive: all of them have names.
        turned, numbers = np.ascontiguousarray(turned), np.ascontiguousarray(numbers)
        nearness = np.zeros(numbers.shape, dtype=np.float32)
        # faiss's own Python wrapper of this call takes neither parameters nor another number of probes.
        self._ivf.search_preassigned_c(  # type: ignore[attr-defined]
            queries,
            faiss.swig_ptr(turned),
            fetch,
            faiss.swig_ptr(numbers),
            faiss.swig_ptr(nearness),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(ids),
            False,
            faiss.SearchParametersIVF(nprobe=probes, sel=selector),  # type: ignore[call-arg]
        )
        return scores, ids

    def _view(self, number: int) -> tuple[Ids, Codes]:
        """Return writable views of a list that is not empty, valid until it changes its size."""
        size = self._lists.list_size(number)
        ids: Ids = faiss.rev_swig_ptr(self._lists.get_ids(number), size)
        codes: Codes = faiss.rev_swig_ptr(self._lists.get_codes(number), size * self._width)
        return ids, codes.reshape(size, self._width)


def _by_list(numbers: ListNumbers) -> list[tuple[int, NDArray[np.int64]]]:
    """Return each list number with the places where it stands."""
    order = np.argsort(numbers, kind="stable")
    return [(int(numbers[order[start]]), order[start:end]) for start, end in _runs(numbers[order])]


def _runs(numbers: ListNumbers) -> list[tuple[int, int]]:
    """Return where each run of equal numbers starts and ends."""
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    return list(pairwise(edges)) if len(numbers) else []


def _places(held: Ids, wanted: Ids) -> NDArray[np.int64]:
    """Return where the wanted ids, all of which are held, stand."""
    order = np.argsort(held)
    return order[np.searchsorted(held, wanted, sorter=order)]
