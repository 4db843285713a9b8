"""One encoder measured on folders of classes: by pictures as `similar` does, and by the classes' names if it reads."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.errors import SourceError
from feira.core.evaluation.similar import NEIGHBOURS, Progress, encoded_photos, labelled_photos, neighbour_scores
from feira.core.index.exact import ExactIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderEvaluation:
    """What was measured.

    Attributes:
        encoder: id of the encoder.
        precision_at_10, knn10_accuracy: as in `SimilarEvaluation`.
        words_precision_at_10: mean over the classes of the share of the ten gallery photos nearest to the class's name
            that are of the class; None where the encoder does not read.
        queries, gallery: number of photos.
        images_per_s: photos decoded and encoded per second of wall clock; noisy on a busy machine.
    """

    encoder: str
    precision_at_10: float
    knn10_accuracy: float
    words_precision_at_10: float | None
    queries: int
    gallery: int
    images_per_s: float


def evaluate_encoder(
    gallery: Path, queries: Path, encoder: Encoder, *, progress: Progress | None = None
) -> EncoderEvaluation:
    """Encode every photo once and search the gallery with the query photos, and with the names of its classes.

    Args:
        gallery, queries: as for `evaluate_similar`; a folder's name, with spaces for `-` and `_`, is asked in words.

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
    kinds = [kind for _, kind in gallery_files]
    found = index.search(rows[len(gallery_files) :], NEIGHBOURS)
    precision, accuracy = neighbour_scores(found, kinds, [kind for _, kind in query_files])
    words: float | None = None
    if isinstance(encoder, TextEncoder):
        names = sorted(set(kinds))
        asked = encoder.encode_texts([name.replace("-", " ").replace("_", " ") for name in names])
        hits = index.search(np.asarray(asked), NEIGHBOURS)
        words, _ = neighbour_scores(hits, kinds, names)
    return EncoderEvaluation(
        encoder=encoder.encoder_id,
        precision_at_10=precision,
        knn10_accuracy=accuracy,
        words_precision_at_10=words,
        queries=len(query_files),
        gallery=len(gallery_files),
        images_per_s=len(files) / elapsed,
    )
