"""The files of a snapshot: shards, tables and everything that describes them, piece by piece, and its end."""

import hashlib
import io
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any, BinaryIO, cast

import numpy as np
from django.db.models import Sum
from django.utils import timezone

from feira.core.datasets.closing import Format, closing_files
from feira.core.datasets.dataset import Dataset, Description, Summary
from feira.core.datasets.folders import folder_files
from feira.core.datasets.layout import (
    CARD,
    CROISSANT,
    FOLDER_METADATA,
    LABELS,
    MANIFEST,
    METADATA,
    PREDICTIONS,
    sample_name,
)
from feira.core.datasets.parquet import part_bytes, plan_parts
from feira.core.datasets.pieces import Piece
from feira.core.datasets.records import ImageFile, Record
from feira.core.datasets.shards import plan_shards, shard_bytes
from feira.core.datasets.written import FileFacts, Watched
from feira.shop.datasets.archives import archive_name, plan_archives
from feira.shop.datasets.asked import Asked, asked_from_json
from feira.shop.datasets.blobs import SnapshotStore, snapshot_store
from feira.shop.datasets.models import Snapshot, SnapshotFile, SnapshotRow
from feira.shop.datasets.predicting import unpacked
from feira.shop.datasets.records import file_path, records_of
from feira.shop.datasets.rendering import part_names, rows_of_parts
from feira.shop.datasets.selectors import files_of
from feira.shop.jobs.models import JobItem
from feira.shop.jobs.running import RunningJob

KINDS: dict[str, Format] = {
    "folder": "files",
    "webdataset": "webdataset",
    "parquet": "parquet",
    "imagefolder": "imagefolder",
}
EMBEDDINGS, EMBEDDING_IDS = "embeddings.npy", "embeddings-ids.txt"
PHOTOS, CLOSING = "photos", "closing"
CLOSING_NAMES = frozenset({METADATA, PREDICTIONS, LABELS, CROISSANT, CARD, MANIFEST})
FILES_AT_ONCE = 1_000
PARTS_AT_ONCE = 16


class Finishing:
    """What is known of a snapshot whose pictures and predictions are there."""

    def __init__(self, job: RunningJob, snapshot: Snapshot) -> None:
        self._job, self._snapshot = job, snapshot
        self._asked: Asked = asked_from_json(snapshot.identity["request"])
        self._rule = self._asked.rule
        self._store: SnapshotStore = snapshot_store(snapshot.folder)
        self._summary = Summary.of(self._records())
        self._pieces = {kind: list(self._plan(kind)) for kind in self._asked.formats}

    def run(self) -> None:
        """Write what is missing and end the snapshot; a killed attempt goes on with the next file.

        Raises:
            ItemsMissing: some files could not be written.
            LeaseLost: the job was cancelled or taken over.
        """
        self._job.items.plan(self._names())
        for names in self._job.items.batches(PARTS_AT_ONCE):
            for _kind, together in groupby(names, key=_what_goes_together):
                self._job.check()
                self._write(list(together))
        self._job.items.require_done()
        # Before the transaction: a walk over every file would hold up whoever else writes.
        plan_archives(self._snapshot)
        with self._job.committing() as result:
            result.update(self._end())

    def _names(self) -> Iterator[str]:
        for kind in self._asked.formats:
            if kind in ("folder", "imagefolder"):
                yield from (f"{kind}/{PHOTOS}-{name}" for name in part_names(self._snapshot, self._asked))
            yield from (f"{kind}/{piece.path}" for piece in self._pieces[kind])
            if self._has_embeddings:
                yield f"{kind}/{EMBEDDINGS}"
            yield f"{kind}/{CLOSING}"

    def _write(self, names: list[str]) -> None:
        """Make the files of some items and note both in one transaction; what is slow comes before it."""
        made = self._made(names)
        with self._job.committing_items(names) as results:
            SnapshotFile.objects.bulk_create(
                [file for files in made.values() for file in files],
                batch_size=FILES_AT_ONCE,
                update_conflicts=True,
                unique_fields=["snapshot", "path"],
                update_fields=["sha256", "byte_size", "crc32"],
            )
            results.update((name, {"files": len(files)}) for name, files in made.items())

    def _made(self, names: list[str]) -> dict[str, list[SnapshotFile]]:
        """Return the files of each item: of several parts of photos, or of one other item."""
        kind, _slash, what = names[0].partition("/")
        if not what.startswith(PHOTOS):
            return {names[0]: self._files(kind, what)}
        parts = [name.removeprefix(f"{kind}/{PHOTOS}-") for name in names]
        held = rows_of_parts(self._snapshot, self._asked, parts)
        return {f"{kind}/{PHOTOS}-{part}": list(self._photo_files(kind, rows)) for part, rows in held}

    def _files(self, kind: str, what: str) -> list[SnapshotFile]:
        """Make the files of an item that is no part of photos."""
        if what == EMBEDDINGS:
            return [self._kept(kind, each) for each in self._embedding_files()]
        if what == CLOSING:
            return [self._kept(kind, each) for each in self._closing(kind)]
        piece = next(each for each in self._pieces[kind] if each.path == what)
        return [self._kept(kind, Watched(piece.path, self._piece_bytes(kind, piece)))]

    def _end(self) -> dict[str, Any]:
        snapshot = self._snapshot
        manifests = SnapshotFile.objects.filter(snapshot=snapshot, path__endswith=MANIFEST).order_by("path")
        digests = list(manifests.values_list("sha256", flat=True))
        one = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        total = snapshot.files.aggregate(total=Sum("byte_size"))["total"] or 0
        Snapshot.objects.filter(pk=snapshot.pk).update(
            state=Snapshot.State.READY,
            ready_at=timezone.now(),
            used_at=timezone.now(),
            byte_size=total,
            manifest_sha256=one,
        )
        return {"files": snapshot.files.count(), "bytes": total, "manifest_sha256": one}

    def _plan(self, kind: str) -> Iterator[Piece]:
        if kind == "webdataset":
            return plan_shards(self._records(), self._summary.labels)
        return plan_parts(self._records()) if kind == "parquet" else iter(())

    def _piece_bytes(self, kind: str, piece: Piece) -> Iterator[bytes]:
        write = shard_bytes if kind == "webdataset" else part_bytes
        held = self._records(first=piece.first, last=piece.last)
        return write(filter(piece.holds, held), self._opened, self._summary.labels)

    def _photo_files(self, kind: str, rows: list[SnapshotRow]) -> Iterator[SnapshotFile]:
        """Yield the pictures of a part under the names of a kind; their bytes are there already."""
        rows = [row for row in rows if row.images]
        for row, paths in zip(rows, self._paths(kind, rows), strict=True):
            for path, image in zip(paths, row.images, strict=True):
                yield SnapshotFile(
                    snapshot=self._snapshot,
                    path=self._prefixed(kind, path),
                    sha256=image["sha256"],
                    byte_size=image["bytes"],
                    crc32=image["crc32"],
                )

    def _paths(self, kind: str, rows: list[SnapshotRow]) -> Iterator[list[str]]:
        """Yield where the pictures of each row lie."""
        if kind == "imagefolder" and rows:
            for record in self._records(first=rows[0].key, last=rows[-1].key):
                yield [path for path, _image in folder_files([record], self._summary.labels)]
        else:
            for row in rows:
                yield [file_path(row.key, number, self._rule) for number in range(len(row.images))]

    def _closing(self, kind: str) -> Iterator[Watched]:
        identity = self._snapshot.identity
        description = Description(
            name=archive_name(self._snapshot),
            title=f"{self._summary.photos} photos of {self._snapshot.listings} listings",
            content_hash=self._snapshot.content_hash or "",
            request=identity["request"],
            about="Approved photos of listings that were live, with what was said about them; sellers are pseudonyms.",
            label_field=self._asked.label,
            encoders=tuple(identity["encoders"]),
            seeds=identity["seeds"],
            libraries=identity["libraries"],
        )
        dataset = Dataset(description, self._records)
        return closing_files(dataset, KINDS[kind], partial(self._written, kind), summary=self._summary)

    def _written(self, kind: str) -> Iterator[FileFacts]:
        """Yield what has been written of a kind so far, ascending by path."""
        prefix = self._prefixed(kind, "")
        rows = files_of(self._snapshot).filter(path__startswith=prefix)
        columns = rows.values_list("path", "sha256", "byte_size", "crc32")
        for path, sha256, byte_size, crc32 in columns.iterator(chunk_size=FILES_AT_ONCE):
            plain = path.removeprefix(prefix)
            # An attempt that was killed before its note leaves no rows; one of a build before may have left all.
            if plain not in CLOSING_NAMES and not plain.endswith(f"/{FOLDER_METADATA}"):
                yield FileFacts(plain, sha256, byte_size, crc32)

    def _embedding_files(self) -> Iterator[Watched]:
        yield Watched(EMBEDDINGS, self._embedding_bytes())
        yield Watched(EMBEDDING_IDS, self._embedding_ids())

    def _embedding_bytes(self) -> Iterator[bytes]:
        """Yield one array of all pictures, joined of those of the parts."""
        results = self._part_results()
        pictures = sum(each["pictures"] for each in results if "embeddings" in each)
        dim = next((each["dim"] for each in results if "embeddings" in each), 0)
        head = np.lib.format.header_data_from_array_1_0(np.empty((0, dim), np.float16)) | {"shape": (pictures, dim)}
        sink = io.BytesIO()
        np.lib.format.write_array_header_1_0(sink, head)
        yield sink.getvalue()
        for each in results:
            if "embeddings" in each:
                yield unpacked(self._store.get(each["embeddings"])).tobytes()

    def _embedding_ids(self) -> Iterator[bytes]:
        for record in self._records():
            for number, _image in record.files():
                yield f"{sample_name(record.key, number)}\n".encode()

    def _part_results(self) -> list[dict[str, Any]]:
        rows = JobItem.objects.filter(job=self._snapshot.predict_job).order_by("name")
        return [result for result in rows.values_list("result", flat=True) if result]

    @property
    def _has_embeddings(self) -> bool:
        wanted = self._asked.predictions
        return wanted is not None and wanted.embeddings

    def _kept(self, kind: str, watched: Watched) -> SnapshotFile:
        digest = self._store.put_chunks(watched)
        facts = watched.facts
        return SnapshotFile(
            snapshot=self._snapshot,
            path=self._prefixed(kind, facts.path),
            sha256=digest,
            byte_size=facts.bytes,
            crc32=facts.crc32 or 0,
        )

    def _prefixed(self, kind: str, path: str) -> str:
        """Return where a file lies: in a folder of its kind when there are several, so that none meets another."""
        return f"{kind}/{path}" if len(self._asked.formats) > 1 else path

    def _records(self, *, first: str = "", last: str = "") -> Iterator[Record]:
        return records_of(self._snapshot, self._rule, first=first, last=last)

    def _opened(self, image: ImageFile) -> BinaryIO:
        return cast("BinaryIO", self._store.open(image.sha256))


def _what_goes_together(name: str) -> str:
    """Return the kind for a part of photos, which is a few rows and cheap; any other item goes alone."""
    kind, _slash, what = name.partition("/")
    return kind if what.startswith(PHOTOS) else name
