"""Letting the live encoder see photos again, range by range: what has changed is written, and joins the index anew."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import transaction

from feira.core.types import Matrix
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Embedding, Photo
from feira.shop.photos.selectors import photos_without_embedding
from feira.shop.photos.services import see, store_embeddings

RANGE = 64


@dataclass(frozen=True, slots=True)
class SeenAgain:
    """Photos with their rows by one encoder; nothing is written so far."""

    encoder_id: str
    photo_ids: list[int]
    rows: Matrix
    unreadable: int


def ranges() -> Iterator[str]:
    """Yield the ranges of photo numbers in which there are searchable photos, as in `64-127`; the same at every call
    as long as no photo is added."""
    last = -1
    for photo_id in Photo.objects.filter(searchable=True).order_by("pk").values_list("pk", flat=True).iterator():
        if photo_id // RANGE != last:
            last = photo_id // RANGE
            yield f"{last * RANGE}-{last * RANGE + RANGE - 1}"


def look_again(name: str, *, only_missing: bool) -> SeenAgain:
    """Show the searchable photos of a range to the live encoder.

    Raises:
        EngineUnavailable: try again later.
    """
    first, last = (int(number) for number in name.split("-"))
    status = engine().status()
    photos = list(Photo.objects.filter(pk__range=(first, last), searchable=True).order_by("pk"))
    if only_missing:
        photos = photos_without_embedding([photo.pk for photo in photos], status.encoder_id)
    seen = see(photos, status.encoder_id, status.input_size)
    return SeenAgain(status.encoder_id, seen.photo_ids, seen.rows, len(seen.unreadable))


@transaction.atomic
def keep(seen: SeenAgain) -> dict[str, int]:
    """Write the embeddings that are new or others by now, and let their photos join the index anew.

    Returns:
        how many `photos` were looked at, `changed`, and `unreadable` because their bytes are gone or damaged.
    """
    rows = np.asarray(seen.rows, dtype=np.float16)
    known = Embedding.objects.filter(photo_id__in=seen.photo_ids, encoder_id=seen.encoder_id)
    before = {photo_id: bytes(vector) for photo_id, vector in known.values_list("photo_id", "vector")}
    changed = [place for place, photo_id in enumerate(seen.photo_ids) if before.get(photo_id) != rows[place].tobytes()]
    if changed:
        photo_ids = [seen.photo_ids[place] for place in changed]
        known.filter(photo_id__in=photo_ids).delete()
        store_embeddings(photo_ids, encoder_id=seen.encoder_id, rows=rows[changed])
    return {"photos": len(seen.photo_ids), "changed": len(changed), "unreadable": seen.unreadable}
