"""Feira's indexes and their rivals behind one face: build, search at an effort, search among some."""

# ruff: noqa: PLC0415  (a rival is imported where it is used, because it may be missing)

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from feira.core.photo_set import PhotoSet
from feira.core.types import Matrix

Found = NDArray[np.int64]
M, EF_BUILD = 16, 128


class Contender(ABC):
    """Something that finds neighbours. Ids are row numbers. `efforts` are tried in turn until the recall is reached."""

    name: ClassVar[str]
    module: ClassVar[str] = ""  # that has to be installed
    efforts: ClassVar[Sequence[int]] = (0,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.effort = self.efforts[0]

    @abstractmethod
    def build(self, rows: Matrix) -> None:
        """Take in every row."""

    @abstractmethod
    def search(self, query: Matrix, k: int) -> Found:
        """Return up to `k` ids, best first; `query` is one vector."""

    @abstractmethod
    def prepare(self, among: Found) -> Any:
        """Return a filter that lets these ids pass, made once for many queries; None when it cannot take so many."""

    @abstractmethod
    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        """Return up to `k` ids that pass."""


class FeiraExact(Contender):
    name, module = "Feira exact", "feira.core.index.inverted"

    def build(self, rows: Matrix) -> None:
        from feira.core.index.scalar import ScalarIndex

        self.index: Any = ScalarIndex(rows.shape[1])
        for start in range(0, len(rows), 8_192):
            self.index.add(np.arange(start, min(start + 8_192, len(rows))), rows[start : start + 8_192])

    def search(self, query: Matrix, k: int) -> Found:
        return _ids(self.index.search(query[None], k))

    def prepare(self, among: Found) -> Any:
        return PhotoSet(among)

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        return _ids(self.index.search(query[None], k, among=prepared))


class FeiraInverted(FeiraExact):
    name = "Feira inverted"

    def build(self, rows: Matrix) -> None:
        from feira.core.index.inverted import InvertedIndex

        super().build(rows)
        self.index = InvertedIndex.retrained(self.index)


class FaissFlat(Contender):
    name, module = "faiss flat SQ8", "faiss"

    def build(self, rows: Matrix) -> None:
        import faiss

        self.index: Any = faiss.IndexScalarQuantizer(
            rows.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        self.index.train(rows[:50_000])
        self.index.add(rows)
        faiss.omp_set_num_threads(1)  # a team of threads for one query only waits for each other

    def search(self, query: Matrix, k: int) -> Found:
        return _real(self.index.search(query[None], k)[1][0])

    def prepare(self, among: Found) -> Any:
        import faiss

        bitmap = PhotoSet(among).bitmap(most_bytes=2**30)
        return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))  # type: ignore[call-arg, arg-type]

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        return _real(self.index.search(query[None], k, params=prepared)[1][0])


class FaissInverted(Contender):
    name, module = "faiss IVF SQ8", "faiss"
    efforts = (4, 8, 16, 32, 64, 128, 256, 512)

    def build(self, rows: Matrix) -> None:
        import faiss

        lists = int(2 * len(rows) ** 0.5)
        self.quantizer = faiss.IndexFlatIP(rows.shape[1])
        self.index: Any = faiss.IndexIVFScalarQuantizer(
            self.quantizer,
            rows.shape[1],
            lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        self.index.cp.niter = 8
        self.index.train(rows[np.random.default_rng(0).choice(len(rows), min(len(rows), 48 * lists), replace=False)])
        self.index.add(rows)
        faiss.omp_set_num_threads(1)

    def search(self, query: Matrix, k: int) -> Found:
        self.index.nprobe = self.effort
        return _real(self.index.search(query[None], k)[1][0])

    def prepare(self, among: Found) -> Any:
        import faiss

        bitmap = PhotoSet(among).bitmap(most_bytes=2**30)
        selector = faiss.IDSelectorBitmap(bitmap)  # type: ignore[call-arg, arg-type]
        return faiss.SearchParametersIVF(nprobe=self.effort, sel=selector)  # type: ignore[call-arg]

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        return _real(self.index.search(query[None], k, params=prepared)[1][0])


class Hnswlib(Contender):
    name, module = "hnswlib", "hnswlib"
    efforts = (16, 32, 64, 128, 256, 512)

    def build(self, rows: Matrix) -> None:
        import hnswlib

        self.index: Any = hnswlib.Index(space="ip", dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_BUILD, random_seed=0)
        self.index.add_items(rows, np.arange(len(rows)))
        self.index.set_num_threads(1)

    def search(self, query: Matrix, k: int) -> Found:
        self.index.set_ef(max(self.effort, k))
        return np.asarray(self.index.knn_query(query[None], k)[0][0], dtype=np.int64)

    def prepare(self, among: Found) -> Any:
        return set(among.tolist()).__contains__

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        self.index.set_ef(max(self.effort, k))
        try:
            return np.asarray(self.index.knn_query(query[None], k, filter=prepared)[0][0], dtype=np.int64)
        except RuntimeError:  # it found fewer than k, and then gives none
            return np.empty(0, dtype=np.int64)


class Usearch(Contender):
    name, module = "usearch f16", "usearch"
    efforts = (16, 32, 64, 128, 256, 512)

    def build(self, rows: Matrix) -> None:
        from usearch.index import Index

        self.index: Any = Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=M, expansion_add=EF_BUILD)
        self.index.add(np.arange(len(rows)), rows)
        self.count = len(rows)

    def search(self, query: Matrix, k: int) -> Found:
        self.index.expansion_search = self.effort
        return np.asarray(self.index.search(query, k).keys, dtype=np.int64)

    def prepare(self, among: Found) -> Any:
        # It knows no filters in Python: half as many again as should be needed are asked for, the rest is dropped.
        chosen = np.zeros(self.count, dtype=bool)
        chosen[among] = True
        return chosen, min(self.count, int(1.5 * self.count / max(len(among), 1) + 1))

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        chosen, times = prepared
        found = self.search(query, min(k * times, 10_000))
        kept: Found = found[chosen[found]][:k]
        return kept


class LanceDb(Contender):
    name, module = "lancedb IVF_HNSW_SQ", "lancedb"
    efforts = (10, 20, 40, 80, 160, 320)

    def build(self, rows: Matrix) -> None:
        import lancedb
        import pyarrow as pa

        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        table = pa.table({"id": pa.array(np.arange(len(rows))), "vector": vectors})
        self.table: Any = lancedb.connect(self.folder).create_table("photos", table)
        self.table.create_index(metric="dot", index_type="IVF_HNSW_SQ", m=M, ef_construction=EF_BUILD)

    def search(self, query: Matrix, k: int) -> Found:
        asked = self.table.search(query).distance_type("dot").nprobes(self.effort).ef(4 * self.effort)
        return np.asarray(asked.select(["id"]).limit(k).to_arrow()["id"].to_numpy(), dtype=np.int64)

    def prepare(self, among: Found) -> Any:
        return f"id IN ({', '.join(map(str, among.tolist()))})" if len(among) <= 10_000 else None

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        asked = self.table.search(query).distance_type("dot").nprobes(self.effort).ef(4 * self.effort)
        found = asked.where(prepared, prefilter=True).select(["id"]).limit(k).to_arrow()
        return np.asarray(found["id"].to_numpy(), dtype=np.int64)


class Chroma(Contender):
    name, module = "chromadb", "chromadb"
    efforts = (64,)

    def build(self, rows: Matrix) -> None:
        import chromadb

        settings = chromadb.Settings(anonymized_telemetry=False)
        self.client: Any = chromadb.PersistentClient(str(self.folder), settings=settings)
        space = {"hnsw:space": "ip", "hnsw:M": M, "hnsw:construction_ef": EF_BUILD, "hnsw:search_ef": self.effort}
        self.table: Any = self.client.create_collection("photos", metadata=space)
        for start in range(0, len(rows), 5_000):
            part = rows[start : start + 5_000]
            self.table.add(ids=[str(start + row) for row in range(len(part))], embeddings=part)

    def search(self, query: Matrix, k: int) -> Found:
        found = self.table.query(query_embeddings=query[None], n_results=k, include=[])
        return np.array([int(each) for each in found["ids"][0]], dtype=np.int64)

    def prepare(self, among: Found) -> Any:
        return [str(each) for each in among.tolist()] if len(among) <= 10_000 else None

    def search_among(self, query: Matrix, k: int, prepared: Any) -> Found:
        found = self.table.query(query_embeddings=query[None], n_results=k, ids=prepared, include=[])
        return np.array([int(each) for each in found["ids"][0]], dtype=np.int64)


CONTENDERS: tuple[type[Contender], ...] = (
    FeiraExact,
    FeiraInverted,
    FaissFlat,
    FaissInverted,
    Hnswlib,
    Usearch,
    LanceDb,
    Chroma,
)


def by_name(name: str) -> type[Contender]:
    """Return the contender of this name."""
    return next(each for each in CONTENDERS if each.name == name)


def scratch() -> Path:
    """Return a new empty folder."""
    return Path(tempfile.mkdtemp(prefix="feira-bench-"))


def forget(folder: Path) -> None:
    """Delete a folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _ids(found: Any) -> Found:
    return np.array([hit.photo_id for hit in found[0]], dtype=np.int64)


def _real(ids: Any) -> Found:
    return np.asarray(ids[ids >= 0], dtype=np.int64)
