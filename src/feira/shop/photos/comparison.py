"""How a candidate's answers differ from those of the live encoder, measured before it takes over.

Photos are compared here. Apps above know of words, queries and what people said about them: they make the candidate
ready with `prepares`, and add parts of their own to the comparison with `compares`.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import embeddings_of

SAMPLE = 200
NEAREST = 10
QUERIES_AT_ONCE = 50

# Called with the live encoder's id and the candidate's; None when there is nothing to compare. A part may say
# `"worse": True`: then nobody switches without being asked.
Part = Callable[[str, str], dict[str, Any] | None]
# Called with the candidate's id.
Preparation = Callable[[str], None]

_parts: dict[str, Part] = {}
_preparations: list[Preparation] = []


def prepares(preparation: Preparation) -> Preparation:
    """Call this once a candidate has seen every photo, before it is compared."""
    _preparations.append(preparation)
    return preparation


def prepare(candidate_id: str) -> None:
    """Let every app do what the candidate needs from it.

    Raises:
        EngineUnavailable: the candidate does not answer now.
    """
    for preparation in _preparations:
        preparation(candidate_id)


def compares(name: str) -> Callable[[Part], Part]:
    """Add a part to every comparison; `name` is its key in the report."""

    def register(part: Part) -> Part:
        _parts[name] = part
        return part

    return register


def compare(live_id: str, candidate_id: str) -> dict[str, Any]:
    """Return the report: one entry per part that had something to compare.

    Raises:
        EngineUnavailable: an encoder does not answer now.
    """
    started = time.monotonic()
    found = {name: part(live_id, candidate_id) for name, part in sorted(_parts.items())}
    report = {name: facts for name, facts in found.items() if facts is not None}
    return {"live": live_id, "candidate": candidate_id, **report, "seconds": round(time.monotonic() - started, 1)}


def is_worse(report: dict[str, Any]) -> bool:
    """Tell whether any part of a report found the candidate worse."""
    return any(isinstance(part, dict) and part.get("worse") for part in report.values())


@compares("photos")
def neighbours_of_photos(live_id: str, candidate_id: str) -> dict[str, Any] | None:
    """Compare the ten nearest photos of up to 200: overlap@10 is the mean share that both encoders find.

    The order within the ten does not count, and the photo itself is none of them.
    """
    sample = _sample()
    known_live, live_rows = embeddings_of(sample, live_id)
    known, rows = embeddings_of(known_live, candidate_id)
    if not known:
        return None
    places = {photo_id: place for place, photo_id in enumerate(known_live)}
    theirs = _nearest(known, live_rows[[places[photo_id] for photo_id in known]], live_id)
    ours = _nearest(known, rows, candidate_id)
    shares = [len(a & b) / max(len(a), len(b)) for a, b in zip(theirs, ours, strict=True) if a or b]
    return {"sample": len(shares), "overlap_at_10": round(float(np.mean(shares)), 4)} if shares else None


def _sample() -> list[int]:
    """Return searchable photos, spread evenly by chance over the catalogue."""
    among = Photo.objects.filter(searchable=True).order_by("pk")
    first = among.values_list("pk", flat=True).first()
    last = among.values_list("pk", flat=True).last()
    if first is None or last is None:
        return []
    chance = random.Random(last)
    chosen = (
        among.filter(pk__gte=chance.randint(first, last)).values_list("pk", flat=True).first() for _ in range(SAMPLE)
    )
    return sorted({photo_id for photo_id in chosen if photo_id is not None})


def _nearest(photo_ids: list[int], rows: np.ndarray, encoder_id: str) -> list[set[int]]:
    found: list[set[int]] = []
    for start in range(0, len(photo_ids), QUERIES_AT_ONCE):
        piece = photo_ids[start : start + QUERIES_AT_ONCE]
        hits = engine().search(rows[start : start + QUERIES_AT_ONCE], NEAREST + 1, encoder_id=encoder_id)
        for photo_id, own in zip(piece, hits, strict=True):
            found.append(set([hit.photo_id for hit in own if hit.photo_id != photo_id][:NEAREST]))
    return found
