"""The shop's index beyond some 200,000 photos: the same codes in lists, of which a query looks into the nearest."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from feira.core.errors import SnapshotCorrupt
from feira.core.index.base import ROWS_AT_ONCE, CodedIndex, Extras, Ids, Places, sorted_hits
from feira.core.index.centroids import Centroids, Probes, lists_for, sample_of, train_centroids, training_size
from feira.core.index.coding import ByteCoding, Codes
from feira.core.index.lists import CodeLists
from feira.core.index.scalar import SPARE
from feira.core.index.threads import use_threads_for
from feira.core.learning.pca import Projection
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix

# Up to so many photos are compared one by one, whatever the lists say.
EXACT_BELOW = 20_000
# Share of the true nearest that the lists looked into hold, on average.
TARGET = 0.98
# A bitmap over photo ids longer than this is left to a hash set; ids up to 268 million fit.
_LONGEST_BITMAP = 2**25
_MEASURED_QUERIES, _MEASURED_DEPTH = 128, 10_000
_COUNTS_KEPT = 32
# A filter is unrelated to the query's neighbourhood as long as that holds this share of what it would by chance.
_FAIR = 0.9


class InvertedIndex(CodedIndex):
    """Looks into as many lists as were measured to hold the nearest photos, and into more until `k` are found.

    Codes, checksums and answers to small filters are those of `ScalarIndex`. How many lists a query needs is measured
    when they are placed, with photos and what lies between two photos as queries: for the k nearest of the whole
    catalogue, and for deeper ranks, because among photos of which a tenth passes a filter the k nearest are about the
    10·k nearest of all. A filter that passes few photos near the query makes it look everywhere. Up to `exact_below`
    photos (all, or those that pass) are compared exactly, by looking into every list that holds one.

    An empty one has a single list; `retrained` makes a better one of any index.
    """

    kind = "inverted"
    extra_files = ("centroids", "lists", "probe_depths", "probe_counts", "trained")

    def __init__(
        self,
        dim: int,
        projection: Projection | None = None,
        *,
        grid: NDArray[np.int16] | None = None,
        exact_below: int = EXACT_BELOW,
    ) -> None:
        self._bytes = ByteCoding(dim, projection)
        super().__init__(self._bytes)
        self._exact_below = exact_below
        self._passing_counts: OrderedDict[bytes, NDArray[np.int64]] = OrderedDict()
        self._settle(np.zeros((1, self._bytes.width), dtype=np.int16) if grid is None else grid)

    def _settle(self, grid: NDArray[np.int16]) -> None:
        self._centroids = Centroids(self._bytes, grid)
        self._lists = CodeLists(self._bytes, len(grid))
        self._probes = Probes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        self._trained_on, self._trained_nearness = 0, 0.0
        self._changes, self._newcomers, self._newcomers_nearness = 0, 0, 0.0
        self._measured_recall = 1.0

    # Training.

    @classmethod
    def retrained(
        cls, source: CodedIndex, *, lists: int | None = None, go_on: Callable[[], bool] = lambda: True
    ) -> "InvertedIndex":
        """Return an index of what `source` holds, with lists placed for it; the source may change meanwhile.

        Photos that came or changed since the call began may be missing or old: whoever follows a log replays from the
        entry that the source had reached before the call. Takes half a minute and as much memory again per million
        photos.

        Args:
            source: an index of byte codes.
            lists: how many; None for what suits the number of photos.
            go_on: asked now and then; when it says no, the unfinished index is returned.
        """
        ids = source.id_array()
        made = cls(source.dim, source.coding.projection)
        wanted = lists or lists_for(len(ids))
        _present, sample = source.codes_present(sample_of(ids, training_size(wanted)))
        wanted = min(wanted, len(sample))
        if wanted == 0 or not go_on():
            return made
        made._settle(train_centroids(made._bytes, sample, wanted).grid)
        numbers, nearness = made._centroids.assign(sample)
        made._trained_nearness = float(nearness.mean())
        made._lists.reserve(np.bincount(numbers, minlength=wanted) * len(ids) // len(sample))
        for start in range(0, len(ids), ROWS_AT_ONCE):
            if not go_on():
                return made
            made.add_codes(*source.codes_present(ids[start : start + ROWS_AT_ONCE]))
        made._trained_on, made._changes, made._newcomers, made._newcomers_nearness = len(made), 0, 0, 0.0
        made._measure(go_on)
        if go_on():
            made._measured_recall = made.recall(queries=_MEASURED_QUERIES // 2)
        return made

    def is_stale(self) -> bool:
        """Whether the lists no longer suit the photos: as many changed as there were, or the new ones lie elsewhere."""
        if self._changes >= max(self._trained_on, 1):
            return True
        strangers = self._newcomers >= max(10_000, self._trained_on // 10)
        return strangers and self._newcomers_nearness / self._newcomers < 0.8 * self._trained_nearness

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return len(self._centroids)

    @property
    def measured_recall(self) -> float:
        """The share of the true ten nearest that was found when the lists were placed."""
        return self._measured_recall

    def recall(self, *, k: int = 10, queries: int = 50) -> float:
        """Return the share of the true `k` nearest that a search finds for photos, and for what lies between two."""
        sample = sample_of(self.id_array(), queries)
        if not len(sample):
            return 1.0
        photos = self.vectors(sample)
        rows = np.concatenate([photos, photos + np.roll(photos, 1, axis=0)])
        with self._lock.reading():
            turned = self._bytes.turn_queries(rows)
            use_threads_for(len(turned))
            every = self._everywhere(len(turned))
            _scores, truth = self._lists.scan(turned, every, min(k, len(self)))
            found = self._search(rows, min(k, len(self)), None)
        shares = [
            len({hit.photo_id for hit in hits} & set(true.tolist())) / len(true)
            for hits, true in zip(found, truth, strict=True)
        ]
        return float(np.mean(shares))

    def _measure(self, go_on: Callable[[], bool]) -> None:
        """Learn how many lists hold the nearest photos, with photos of the catalogue, and what lies between two, as
        queries: words, and "like this, but …", ask between photos, where lists part neighbours more often."""
        ids = sample_of(self._lists.ids(), _MEASURED_QUERIES)
        use_threads_for(len(ids))
        depth = min(_MEASURED_DEPTH, len(self) // 20)
        if depth < 1:
            return
        ranks = []
        for start in range(0, len(ids), 16):
            if not go_on():
                return
            photos = self._bytes.decode_turned(self._lists.codes_of(ids[start : start + 16]))
            turned = np.concatenate([photos, photos + np.roll(photos, 1, axis=0)])
            _scores, found = self._lists.scan(turned, self._everywhere(len(turned)), depth + 1)
            order = self._centroids.nearest(turned, len(self._centroids))
            place = np.empty_like(order)
            np.put_along_axis(place, order, np.arange(order.shape[1])[None], axis=1)
            neighbours = self._lists.list_of(found[:, 1:].ravel()).reshape(
                len(found), -1
            )  # a photo itself is the first
            ranks.append(np.take_along_axis(place, neighbours, axis=1))
        self._probes = Probes.measured(np.concatenate(ranks), lists=len(self._centroids), target=TARGET)

    # The hooks of `CodedIndex`.

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._lists)

    def memory_bytes(self) -> int:
        """See CodedIndex."""
        return self._lists.memory_bytes() + 3 * int(self._centroids.grid.nbytes)

    def _known(self, ids: Ids) -> NDArray[np.bool_]:
        return self._lists.list_of(ids) >= 0

    def _all_ids(self) -> Ids:
        return self._lists.ids()

    def _codes_of(self, ids: Ids) -> Codes:
        return self._lists.codes_of(ids)

    def _places_for(self, codes: Codes) -> Places:
        return np.column_stack(self._centroids.assign(codes)).astype(np.float64)

    def _replace(self, ids: Ids, codes: Codes, places: Places) -> None:
        self._lists.drop(ids)
        self._append(ids, codes, places)

    def _append(self, ids: Ids, codes: Codes, places: Places) -> None:
        self._lists.append(ids, codes, places[:, 0].astype(np.int64))
        self._changes += len(ids)
        self._newcomers += len(ids)
        self._newcomers_nearness += float(places[:, 1].sum())

    def _drop(self, ids: Ids) -> None:
        self._lists.drop(ids)
        self._changes += len(ids)

    def _extras(self, ids: Ids) -> Extras:
        return {
            "centroids": self._centroids.grid,
            "lists": self._lists.list_of(ids).astype(np.int32),
            "probe_depths": self._probes.depths,
            "probe_counts": self._probes.counts,
            "trained": np.array(
                [
                    self._trained_on,
                    self._trained_nearness,
                    self._changes,
                    self._newcomers,
                    self._newcomers_nearness,
                    self._measured_recall,
                ]
            ),
        }

    def _fill(self, ids: Ids, codes: Codes, extras: Extras) -> None:
        grid, numbers = extras["centroids"], extras["lists"].astype(np.int64)
        fits = grid.dtype == np.int16 and grid.ndim == 2 and grid.shape[1] == self._bytes.width and len(grid)
        if not fits or numbers.shape != ids.shape or (len(ids) and not 0 <= numbers.min() <= numbers.max() < len(grid)):
            raise SnapshotCorrupt("The lists of the stored index do not belong to its codes; delete it to rebuild.")
        self._settle(grid)
        self._lists.reserve(np.bincount(numbers, minlength=len(grid)))
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            self._lists.append(ids[part], np.ascontiguousarray(codes[part]), numbers[part])
        self._probes = Probes(extras["probe_depths"], extras["probe_counts"])
        if extras["trained"].shape != (6,):
            raise SnapshotCorrupt("The lists of the stored index say nothing of their training; delete it to rebuild.")
        trained_on, self._trained_nearness, changes, newcomers, *measured = extras["trained"].tolist()
        self._newcomers_nearness, self._measured_recall = measured
        self._trained_on, self._changes, self._newcomers = int(trained_on), int(changes), int(newcomers)

    # Searching.

    def _search(self, queries: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        turned = self._bytes.turn_queries(queries)
        use_threads_for(len(turned))
        if among is not None and len(among) <= self._exact_below:
            ids = among.ids()
            numbers = self._lists.list_of(ids)
            touched = np.unique(numbers[numbers >= 0])
            most = int((numbers >= 0).sum())
            if most == 0:
                return [[] for _ in queries]
            probed = np.broadcast_to(touched, (len(queries), len(touched)))
            return self._scanned(turned, probed, min(k, most), most=most, selector=_selector(among))
        if len(self) <= self._exact_below:
            return self._through_all(turned, k, among)
        return self._through_nearest(turned, k, among)

    def _through_nearest(self, turned: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        """Look into the lists that the plan says, then into twice as many until every query has its `k`."""
        selector = None if among is None else _selector(among)
        probes = self._planned(turned, k, among)
        while probes < len(self._centroids):
            numbers = self._centroids.nearest(turned, probes)
            found = self._scanned(turned, numbers, k, most=len(self), selector=selector)
            if all(len(hits) == k for hits in found):
                return found
            probes *= 2
        return self._through_all(turned, k, among)

    def _planned(self, turned: Matrix, k: int, among: PhotoSet | None) -> int:
        """Return how many lists all of these queries look into."""
        lists, passing = len(self._centroids), len(self) if among is None else max(min(len(among), len(self)), 1)
        probes = self._probes.for_depth(k * len(self) / passing)
        if probes is None:
            return lists
        if among is None:
            return probes
        # Where the filter has left the neighbourhood of a query empty, the nearest that pass lie too far away for the
        # order of the lists to mean much: nothing but looking everywhere is as good as what was measured.
        counts = self._counts_by_list(among)
        compared = counts[self._centroids.nearest(turned, probes)].sum(axis=1)
        return probes if (compared >= _FAIR * probes / lists * counts.sum()).all() else lists

    def _counts_by_list(self, among: PhotoSet) -> NDArray[np.int64]:
        """Return how many passing photos each list holds; remembered, and a little old does no harm to a plan."""
        counts = self._passing_counts.get(among.digest)
        if counts is None:
            numbers = self._lists.list_of(among.ids())
            counts = np.bincount(numbers[numbers >= 0], minlength=len(self._centroids))
            self._passing_counts[among.digest] = counts
            while len(self._passing_counts) > _COUNTS_KEPT:
                self._passing_counts.popitem(last=False)
        return counts

    def _through_all(self, turned: Matrix, k: int, among: PhotoSet | None) -> list[list[Hit]]:
        """Compare everything that passes."""
        selector = None if among is None else _selector(among)
        return self._scanned(turned, self._everywhere(len(turned)), k, most=len(self), selector=selector)

    def _everywhere(self, queries: int) -> NDArray[np.int64]:
        return np.broadcast_to(np.arange(len(self._centroids)), (queries, len(self._centroids)))

    def _scanned(
        self, turned: Matrix, numbers: NDArray[np.int64], k: int, *, most: int, selector: Any
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query from these lists, fewer when they hold fewer."""
        fetch = min(most, k + SPARE)
        while True:
            scores, ids = self._lists.scan(turned, numbers, fetch, selector=selector)
            # faiss cuts ties as they come; look further until the last place is worse than the k-th, or empty.
            cut = (ids[:, -1] >= 0) & (scores[:, k - 1] == scores[:, -1])
            if fetch == most or not cut.any():
                return [
                    sorted_hits(row[row != -1], found[row != -1], k) for found, row in zip(scores, ids, strict=True)
                ]
            fetch = min(most, 4 * fetch)


def _selector(among: PhotoSet) -> Any:
    """Return a faiss selector of these photo ids."""
    bitmap = among.bitmap(most_bytes=_LONGEST_BITMAP)
    # faiss replaces these constructors at import, which its type stubs do not tell.
    if bitmap is not None:
        return faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
    return faiss.IDSelectorBatch(among.ids())
