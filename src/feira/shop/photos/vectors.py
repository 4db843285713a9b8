"""How the live encoder sees photos, whether or not their embeddings have been written yet."""

from collections.abc import Sequence

import numpy as np

from feira.core.types import Matrix
from feira.shop.photos.blobs import blob_store
from feira.shop.photos.engine import engine
from feira.shop.photos.models import Photo
from feira.shop.photos.selectors import digest_for_encoder, embeddings_of


def vectors_of(photos: Sequence[Photo]) -> tuple[str, Matrix]:
    """Return the live encoder's id and one unit-length float32 row per photo, in order.

    Stored embeddings are read; photos that wait for theirs are encoded on the spot and nothing is written.

    Raises:
        EngineUnavailable: the engine does not answer.
    """
    client = engine()
    status = client.status()
    encoder_id = status.encoder_id
    stored_ids, stored = embeddings_of([photo.pk for photo in photos], encoder_id)
    rows = dict(zip(stored_ids, stored, strict=True))
    waiting = [photo for photo in photos if photo.pk not in rows]
    if waiting:
        store = blob_store()
        contents = [store.get(digest_for_encoder(photo.renditions, status.input_size)) for photo in waiting]
        encoded = client.encode(contents)
        rows |= {photo.pk: row for photo, row in zip(waiting, encoded.rows, strict=True)}
    return encoder_id, np.stack([rows[photo.pk] for photo in photos]) if photos else stored
