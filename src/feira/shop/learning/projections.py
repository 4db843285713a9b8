"""Fitting the projection that makes an encoder's embeddings shorter for the index."""

import numpy as np

from feira.core.learning.pca import fit_projection, neighbour_overlap
from feira.core.types import Matrix
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.services import judge_candidate, propose, refuse
from feira.shop.photos.models import Embedding
from feira.shop.photos.selectors import embeddings_of

PART = "projection"
# Shorter rows are not worth it, fewer say too little about directions.
LONGER_THAN, REDUCED_DIM, LEAST_PHOTOS = 256, 256, 2_000
MOST_FITTED, HELD_OUT, QUERIES = 8_000, 2_000, 300
# Of ten neighbours so many must stay, on photos that the fit has not seen. On real photos 256 of 1,280 dimensions keep
# 0.90, and find photos of the same kind as well as all of them do; below this an encoder does not bear shortening.
FLOOR = 0.8
ROWS_AT_ONCE = 500


def encoder_to_shorten() -> str | None:
    """Return an encoder whose embeddings are long and many, and that nobody has fitted a projection for; two queries
    per encoder."""
    for encoder_id in Embedding.objects.order_by().values_list("encoder_id", flat=True).distinct():
        if LearnedPart.objects.filter(part=PART, about=encoder_id).exists():
            continue
        rows = Embedding.objects.filter(encoder_id=encoder_id).order_by()
        vector = rows.values_list("vector", flat=True).first()
        if vector is None or len(vector) // 2 <= LONGER_THAN:
            continue
        if rows.values("pk")[:LEAST_PHOTOS].count() >= LEAST_PHOTOS:
            return str(encoder_id)
    return None


def fit_projection_of(encoder_id: str) -> LearnedPart:
    """Fit a projection on a sample that is the same for the same photos, and let it serve if it keeps the neighbours.

    Engines build an index of shorter rows beside the present one as soon as it is live.
    """
    fitted, held_out = _sample(encoder_id)
    projection = fit_projection(fitted, reduced_dim=REDUCED_DIM)
    overlap = neighbour_overlap(held_out, projection.forward(held_out), queries=QUERIES)
    candidate = propose(
        part=PART,
        about=encoder_id,
        content=projection.pack(),
        made_from={"photos": len(fitted), "held_out": len(held_out), "dim": projection.dim},
        report={"overlap_at_10": round(overlap, 4), "floor": FLOOR, "reduced_dim": projection.reduced_dim},
    )
    if overlap < FLOOR:
        return refuse(candidate, reason=f"Of ten neighbours {10 * overlap:.1f} stay; {10 * FLOOR:g} have to.")
    judge_candidate(
        candidate,
        live_per_query=None,
        candidate_per_query={"held-out photos": overlap},
        metric="share of the ten nearest that stay the nearest",
    )
    candidate.refresh_from_db()
    return candidate


def _sample(encoder_id: str) -> tuple[Matrix, Matrix]:
    """Return rows to fit and rows to judge: the photos whose numbers hash lowest."""
    ids = np.fromiter(
        Embedding.objects.filter(encoder_id=encoder_id)
        .order_by()
        .values_list("photo_id", flat=True)
        .iterator(chunk_size=20_000),
        dtype=np.int64,
    )
    # Multiplied by an odd number modulo 2^64: neighbouring photos, often of one listing, land far apart.
    mixed = np.argsort(ids.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    chosen = ids[mixed[: MOST_FITTED + HELD_OUT]]
    held = min(HELD_OUT, len(chosen) // 4)
    return _rows(chosen[held:], encoder_id), _rows(chosen[:held], encoder_id)


def _rows(photo_ids: "np.ndarray[tuple[int], np.dtype[np.int64]]", encoder_id: str) -> Matrix:
    parts = [
        embeddings_of(photo_ids[start : start + ROWS_AT_ONCE].tolist(), encoder_id)[1]
        for start in range(0, len(photo_ids), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)
