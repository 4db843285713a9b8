"""How well does an encoder find photos of the same kind? Measured on folders whose subfolders are the classes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feira.core.encoders.protocol import Encoder
from feira.core.errors import SourceError
from feira.core.images.decode import decode_for_encoder
from feira.core.index.exact import ExactIndex
from feira.core.types import Hit, Matrix

NEIGHBOURS = 10
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_BATCH = 32

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SimilarEvaluation:
    """What was measured, with the facts needed to compare it with another measurement.

    Attributes:
        encoder: id of the encoder.
        precision_at_10: mean share of the ten nearest gallery photos that have the query's class.
        knn10_accuracy: share of queries whose class gets most votes of the ten nearest, weighted by similarity.
        queries, gallery: number of photos.
        images_per_s: photos encoded per second of wall clock, with decoding; noisy on a busy machine.
    """

    encoder: str
    precision_at_10: float
    knn10_accuracy: float
    queries: int
    gallery: int
    images_per_s: float


def evaluate_similar(
    gallery: Path, queries: Path, encoder: Encoder, *, progress: Progress | None = None
) -> SimilarEvaluation:
    """Search every query photo in the gallery and count how often photos of its own class come back.

    Args:
        gallery: folder with one subfolder per class; what is searched.
        queries: the same with other photos, of which no copies lie in the gallery.
        progress: called with (photos done, photos in all) after each batch.

    Raises:
        SourceError: a folder has no class folders with photos in them, or fewer than ten photos to search.
        InvalidImage: a photo is damaged.
    """
    gallery_files, query_files = labelled_photos(gallery), labelled_photos(queries)
    if len(gallery_files) < NEIGHBOURS:
        raise SourceError(f"{gallery} holds {len(gallery_files)} photos; at least {NEIGHBOURS} are needed to search.")
    files = [*gallery_files, *query_files]
    started = time.perf_counter()
    rows = encoded_photos([path for path, _ in files], encoder, progress=progress)
    elapsed = time.perf_counter() - started
    index = ExactIndex(encoder.dim)
    index.add(range(len(gallery_files)), rows[: len(gallery_files)])
    found = index.search(rows[len(gallery_files) :], NEIGHBOURS)
    precision, accuracy = neighbour_scores(
        found, [kind for _, kind in gallery_files], [kind for _, kind in query_files]
    )
    return SimilarEvaluation(
        encoder=encoder.encoder_id,
        precision_at_10=precision,
        knn10_accuracy=accuracy,
        queries=len(query_files),
        gallery=len(gallery_files),
        images_per_s=len(files) / elapsed,
    )


def neighbour_scores(
    found: Sequence[Sequence[Hit]], gallery_kinds: Sequence[str], query_kinds: Sequence[str], *, k: int = NEIGHBOURS
) -> tuple[float, float]:
    """Return precision (divisor: k, also when fewer came) and kNN accuracy, means over the queries.

    Hits name positions in `gallery_kinds`. Each hit votes for its class with its score; negative scores do not vote,
    and of classes with equally many votes the one that comes first in the alphabet wins.

    >>> hits = [[Hit(0, 0.9), Hit(1, 0.5), Hit(2, 0.5)]]
    >>> neighbour_scores(hits, ["hat", "shoe", "shoe"], ["hat"], k=3)  # one of three is a hat; 0.9 votes against 1.0
    (0.3333333333333333, 0.0)
    """
    names = sorted(set(gallery_kinds))
    number = {name: place for place, name in enumerate(names)}
    kinds: NDArray[np.int64] = np.array([number[name] for name in gallery_kinds], dtype=np.int64)
    right, precision = 0, 0.0
    for hits, truth in zip(found, query_kinds, strict=True):
        near = kinds[[hit.photo_id for hit in hits[:k]]]
        votes = np.bincount(near, weights=[max(hit.score, 0.0) for hit in hits[:k]], minlength=len(names))
        right += names[int(votes.argmax())] == truth
        precision += float(np.count_nonzero(near == number.get(truth, -1))) / k
    return precision / len(query_kinds), right / len(query_kinds)


def labelled_photos(folder: Path) -> list[tuple[Path, str]]:
    """Return every photo of a folder of class folders with its class, in the order of their names.

    Raises:
        SourceError: there is none.
    """
    photos = [
        (path, kind.name)
        for kind in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if kind.is_dir()
        for path in sorted(kind.iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    if not photos:
        raise SourceError(f"{folder} has no photos in class folders, as in {folder}/hat/1.jpg; name such a folder.")
    return photos


def encoded_photos(paths: Sequence[Path], encoder: Encoder, *, progress: Progress | None = None) -> Matrix:
    """Return one unit row per photo file, decoded as the engine does it.

    Raises:
        InvalidImage: a photo is damaged.
    """
    parts = [np.empty((0, encoder.dim), dtype=np.float32)]
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        parts.append(
            encoder.encode_images([decode_for_encoder(path.read_bytes(), encoder.input_size) for path in batch])
        )
        if progress is not None:
            progress(start + len(batch), len(paths))
    return np.concatenate(parts)
