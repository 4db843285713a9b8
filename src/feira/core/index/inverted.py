"""The shop's index beyond some 200,000 photos: the same codes in lists, of which a query looks into the nearest."""

import math
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from feira.core.errors import SnapshotCorrupt
from feira.core.index.base import ROWS_AT_ONCE, CodedIndex, Extras, Ids, Places
from feira.core.index.centroids import Centroids, lists_for, sample_of, train_centroids, training_size
from feira.core.index.coding import ByteCoding, Codes
from feira.core.index.lists import CodeLists
from feira.core.index.margins import Margins, Sought
from feira.core.index.scalar import SPARE
from feira.core.index.threads import use_threads_for
from feira.core.learning.pca import Projection
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix

# Up to so many photos are compared one by one, whatever the lists say.
EXACT_BELOW = 20_000
# Share of the true nearest that the lists looked into hold on average, with 95 % confidence, for every kind of query.
TARGET = 0.97
# How many photos are added up to make a query of each kind: a photo, half way between two, the middle of four.
BLENDS = (1, 2, 4)
# A bitmap over photo ids longer than this is left to a hash set; ids up to 268 million fit.
_LONGEST_BITMAP = 2**25
_MEASURED_QUERIES, _MEASURED_DEPTH = 128, 10_000
# Queries that go deep together: each takes some 100 kB for 10,000 photos.
_ASKED_AT_ONCE = 16
# A filtered search goes so deep that `k` and this many square roots of `k` are expected to pass, which suffices
# 19 of 20 times.
_LUCK = 2.0
# How much deeper it goes when that did not suffice.
_DEEPER = 4


class InvertedIndex(CodedIndex):
    """Looks into the lists that are nearly as near as the nearest, by a margin that was measured to be wide enough.

    Codes, checksums and answers to small filters are those of `ScalarIndex`. The margin is measured when lists are
    placed, with photos and what lies between two and four photos as queries: for the k nearest of the whole catalogue,
    and for deeper ranks. Where a tenth of the photos passes a filter, the k nearest that pass are among about the 10·k
    nearest of all: so many are found, and those that pass are kept. While these are fewer than `k`, it goes deeper, and
    at last looks everywhere. Up to `exact_below` photos (all, or those that pass) are compared exactly, by looking into
    every list that holds one.

    An empty one has a single list; `retrained` makes a better one of any index.
    """

    kind = "inverted"
    extra_files = ("centroids", "lists", "margin_depths", "margins", "trained")

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
        self._settle(np.zeros((1, self._bytes.width), dtype=np.int16) if grid is None else grid)

    def _settle(self, grid: NDArray[np.int16]) -> None:
        self._centroids = Centroids(self._bytes, grid)
        self._lists = CodeLists(self._bytes, len(grid))
        self._margins = Margins.unknown()
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
            made._measured_recall = made.recall()
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
        """What `recall` said when the lists were placed."""
        return self._measured_recall

    def recall(self, *, k: int = 10, queries: int = 64) -> float:
        """Return the share of the true `k` nearest that a search finds, for the kind of query that loses most.

        Kinds are photos, what lies half way between two, and the middle of four; those that a query is made of do not
        count. None of them is among those that the margin was measured with, as long as there are others. The true
        nearest are those of the scan of the same codes: what a code loses against its row is not in this.
        """
        shares: list[list[float]] = [[] for _ in BLENDS]
        with self._lock.reading():
            sample = sample_of(self._lists.ids(), _MEASURED_QUERIES + queries)[-queries:]
            use_threads_for(_ASKED_AT_ONCE)
            for start in range(0, len(sample), _ASKED_AT_ONCE):
                for kind, (turned, own) in enumerate(self._blends(sample[start : start + _ASKED_AT_ONCE])):
                    fetch, planned = min(k + own.shape[1], len(self)), self._planned(turned, k)
                    _scores, true = self._lists.scan(turned, self._everywhere(len(turned)), fetch)
                    _scores, found = self._lists.scan(turned, planned, fetch)
                    for wanted, seen, unwanted in zip(true.tolist(), found.tolist(), own.tolist(), strict=True):
                        right = [photo_id for photo_id in wanted if photo_id not in unwanted][:k]
                        if right:
                            shares[kind].append(len(set(right) & set(seen)) / len(right))
        return min((float(np.mean(each)) for each in shares if each), default=1.0)

    def _measure(self, go_on: Callable[[], bool]) -> None:
        """Learn how far a query must look, with photos of the catalogue, and what lies between some, as queries.

        Queries are seldom stored photos: a visitor's photo lies among them, words, "like this, but …" and what somebody
        likes lie between them, where lists part neighbours more often.
        """
        sample = sample_of(self._lists.ids(), _MEASURED_QUERIES)
        use_threads_for(len(sample))
        depth = min(_MEASURED_DEPTH, len(self) // 20)
        if depth < 1:
            return
        nearness: list[list[Matrix]] = [[] for _ in BLENDS]
        found_in: list[list[Matrix]] = [[] for _ in BLENDS]
        for start in range(0, len(sample), _ASKED_AT_ONCE):
            if not go_on():
                return
            for kind, (turned, own) in enumerate(self._blends(sample[start : start + _ASKED_AT_ONCE])):
                _scores, found = self._lists.scan(turned, self._everywhere(len(turned)), depth + own.shape[1])
                # What a query is made of would be found too easily: it goes to the end, which is cut off.
                is_own = (found[:, :, None] == own[:, None]).any(axis=2)
                found = np.take_along_axis(found, np.argsort(is_own, axis=1, kind="stable"), axis=1)[:, :depth]
                numbers = self._lists.list_of(found.ravel()).reshape(found.shape)
                products, order = self._centroids.by_nearness(turned)
                products /= _lengths(turned)
                nearness[kind].append(products)
                places = np.argsort(order, axis=1)  # of each list
                found_in[kind].append(np.take_along_axis(products, np.take_along_axis(places, numbers, 1), 1))
        kinds = [
            Sought(np.concatenate(near), np.concatenate(found)) for near, found in zip(nearness, found_in, strict=True)
        ]
        self._margins = Margins.measured(kinds, photos=len(self), target=TARGET)

    def _blends(self, ids: Ids) -> list[tuple[Matrix, Ids]]:
        """Return turned queries of each kind, one for each photo, and the photos that it is made of, shape (n, …)."""
        photos = self._bytes.decode_turned(self._lists.codes_of(ids))
        turns = np.arange(len(ids))[:, None] - np.arange(max(BLENDS))
        return [(photos[turns[:, :many]].sum(axis=1), ids[turns[:, :many]]) for many in BLENDS]

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
            "margin_depths": self._margins.depths,
            "margins": self._margins.widths,
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
        self._margins = Margins(extras["margin_depths"], extras["margins"])
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
                return [[] for _ in turned]
            probed = np.broadcast_to(touched, (len(turned), len(touched)))
            return _as_hits(self._scanned(turned, probed, min(k, most), most=most, selector=_selector(among)))
        if among is None:
            return _as_hits(self._scanned(turned, self._planned(turned, k), k, most=len(self)))
        parts = (turned[start : start + _ASKED_AT_ONCE] for start in range(0, len(turned), _ASKED_AT_ONCE))
        return [hits for part in parts for hits in self._among(part, k, among)]

    def _among(self, turned: Matrix, k: int, among: PhotoSet) -> list[list[Hit]]:
        """Look for as many as should hold `k` that pass, deeper for each query that found fewer, at last everywhere."""
        answers: list[list[Hit]] = [[] for _ in turned]
        pending = np.arange(len(turned))
        depth = math.ceil((k + _LUCK * math.sqrt(k)) * max(1.0, len(self) / len(among)))
        deepest = min(self._margins.deepest, len(self)) if len(self) > self._exact_below else 0
        while len(pending) and depth <= deepest:
            found = self._scanned(turned[pending], self._planned(turned[pending], depth), depth, most=len(self))
            for place, (ids, scores) in zip(pending.tolist(), found, strict=True):
                passed = among.mask(ids)
                answers[place] = _hits(ids[passed][:k], scores[passed][:k])
            pending = np.array([place for place in pending.tolist() if len(answers[place]) < k], dtype=np.int64)
            depth *= _DEEPER
        if len(pending):
            everywhere = self._everywhere(len(pending))
            rest = self._scanned(turned[pending], everywhere, k, most=len(self), selector=_selector(among))
            for place, hits in zip(pending.tolist(), _as_hits(rest), strict=True):
                answers[place] = hits
        return answers

    def _planned(self, turned: Matrix, depth: int) -> NDArray[np.int64]:
        """Return the numbers of the lists that each query looks into, nearest first, filled up with −1."""
        nearness, numbers = self._centroids.by_nearness(turned)
        nearness /= _lengths(turned)
        least = self._margins.least_nearness(nearness, depth, photos=len(self))
        if least is None or len(self) <= self._exact_below:
            return numbers
        planned = nearness >= least
        # Never fewer lists than hold so many photos, or an answer would be short.
        planned |= np.cumsum(self._lists.sizes[numbers], axis=1) - self._lists.sizes[numbers] < depth
        return np.where(planned, numbers, -1)[:, : int(planned.sum(axis=1).max())]

    def _everywhere(self, queries: int) -> NDArray[np.int64]:
        return np.broadcast_to(np.arange(len(self._centroids)), (queries, len(self._centroids)))

    def _scanned(
        self, turned: Matrix, numbers: NDArray[np.int64], k: int, *, most: int, selector: Any = None
    ) -> list[tuple[Ids, Matrix]]:
        """Return up to `k` ids and scores per query from these lists, best first, fewer when they hold fewer."""
        fetch = min(most, k + SPARE)
        while True:
            scores, ids = self._lists.scan(turned, numbers, fetch, selector=selector)
            # faiss cuts ties as they come; look further until the last place is worse than the k-th, or empty.
            cut = (ids[:, -1] >= 0) & (scores[:, k - 1] == scores[:, -1])
            if fetch == most or not cut.any():
                return [_best(row[row != -1], found[row != -1], k) for found, row in zip(scores, ids, strict=True)]
            fetch = min(most, 4 * fetch)


def _best(ids: Ids, scores: Matrix, k: int) -> tuple[Ids, Matrix]:
    """Return the `k` best, highest score first, ties to the lower id."""
    best = np.lexsort((ids, -scores))[:k]
    return ids[best], scores[best]


def _hits(ids: Ids, scores: Matrix) -> list[Hit]:
    return [Hit(photo_id, score) for photo_id, score in zip(ids.tolist(), scores.tolist(), strict=True)]


def _as_hits(found: list[tuple[Ids, Matrix]]) -> list[list[Hit]]:
    return [_hits(ids, scores) for ids, scores in found]


def _lengths(turned: Matrix) -> Matrix:
    """Return the length of each row, shape (n, 1); 1 for zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", turned, turned))[:, None]
    return np.where(lengths == 0, np.float32(1), lengths)


def _selector(among: PhotoSet) -> Any:
    """Return a faiss selector of these photo ids."""
    bitmap = among.bitmap(most_bytes=_LONGEST_BITMAP)
    # faiss replaces these constructors at import, which its type stubs do not tell.
    if bitmap is not None:
        return faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
    return faiss.IDSelectorBatch(among.ids())
