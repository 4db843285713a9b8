"""A catalogue made many times larger inside the database: millions of rows in minutes, with vectors of their own."""

import numpy as np
from django.db import connection, transaction

from feira.shop.listings.models import Listing, ListingAttribute, ListingPhoto
from feira.shop.listings.statistics import refresh_statistics
from feira.shop.photos.models import Embedding, IndexLogEntry, IndexLogHead, Photo
from rig.catalogue import GROUP, group_rows

ROWS_AT_ONCE = 20_000


def multiply(times: int, encoder_id: str, dim: int) -> int:
    """Copy the catalogue that `rig.catalogue.grow` made until it is `times` as large; return its size.

    Copies differ from their originals in number and in vector (other members of the same groups). Neighbour lists are
    not copied: they are read by a listing's number and make no page slower.
    """
    count = Listing.objects.count()
    offset = max(
        model.objects.order_by("-pk").values_list("pk", flat=True)[0]
        for model in (Listing, Photo, ListingPhoto, ListingAttribute)
    )
    photo_ids = list(Photo.objects.order_by("pk").values_list("pk", flat=True))
    for turn in range(1, times):
        with transaction.atomic():
            _copy(Photo, {"id"}, by=turn * offset, upto=offset)
            _copy(Listing, {"id", "cover_id"}, by=turn * offset, upto=offset)
            _copy(ListingPhoto, {"id", "listing_id", "photo_id"}, by=turn * offset, upto=offset)
            _copy(ListingAttribute, {"id", "listing_id"}, by=turn * offset, upto=offset)
            _add_vectors(photo_ids, turn, turn * offset, encoder_id, dim)
    refresh_statistics()
    return count * times


def _copy(
    model: type[Photo | Listing | ListingPhoto | ListingAttribute], moved: set[str], *, by: int, upto: int
) -> None:
    """Copy the rows up to a number, with `by` added to the columns that name rows."""
    names = [field.column for field in model._meta.concrete_fields]  # noqa: SLF001 - Django's documented way
    quoted = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f'"{name}" + {by}' if name in moved else f'"{name}"' for name in names)
    table = model._meta.db_table  # noqa: SLF001 - as above
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({quoted}) SELECT {values} FROM "{table}" WHERE id <= %s',  # noqa: S608 - our own names
            [upto],
        )


def _add_vectors(photo_ids: list[int], turn: int, offset: int, encoder_id: str, dim: int) -> None:
    head = IndexLogHead.objects.get(pk=1)
    for start in range(0, len(photo_ids), ROWS_AT_ONCE):
        chosen = photo_ids[start : start + ROWS_AT_ONCE]
        groups = range(start // GROUP, -(-(start + len(chosen)) // GROUP))
        rows = np.concatenate([group_rows(group, dim, seed=turn) for group in groups])[: len(chosen)]
        Embedding.objects.bulk_create(
            [
                Embedding(photo_id=photo_id + offset, encoder_id=encoder_id, vector=row.astype(np.float16).tobytes())
                for photo_id, row in zip(chosen, rows, strict=True)
            ]
        )
        IndexLogEntry.objects.bulk_create(
            [
                IndexLogEntry(seq=head.seq + place, op=IndexLogEntry.ADD, photo_id=photo_id + offset)
                for place, photo_id in enumerate(chosen, start=1)
            ]
        )
        head.seq += len(chosen)
    head.save()
