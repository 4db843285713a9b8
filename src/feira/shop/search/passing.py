"""Which photos stand on the listings that pass a wide filter, remembered for some seconds."""

import hashlib
import threading
import time
from collections import OrderedDict

import numpy as np
from django.db.models import QuerySet

from feira.core.photo_set import PhotoSet
from feira.shop.listings.models import Listing, ListingPhoto

KEEP_S = 20.0
MOST_KEPT = 32
ROWS_AT_ONCE = 20_000

_kept: OrderedDict[bytes, tuple[float, PhotoSet]] = OrderedDict()
_lock = threading.Lock()


def passing_photos(listings: QuerySet[Listing]) -> PhotoSet:
    """Return the photos on these listings; one query, which takes about a second per million photos.

    Pages of one search ask for the same again and again, so the answer is kept for `KEEP_S` seconds: a photo that comes
    meanwhile is not found by this filter yet, one that goes is left out by whoever maps photos to listings.
    """
    statement, values = listings.order_by().values("pk").query.sql_with_params()
    key = hashlib.sha256(repr((listings.db, statement, values)).encode()).digest()
    with _lock:
        read_at, photos = _kept.get(key, (-KEEP_S, None))
    if photos is None or time.monotonic() - read_at >= KEEP_S:
        rows = (
            ListingPhoto.objects.filter(listing__in=listings.order_by()).order_by().values_list("photo_id", flat=True)
        )
        photos = PhotoSet(np.fromiter(rows.iterator(chunk_size=ROWS_AT_ONCE), dtype=np.int64))
        with _lock:
            _kept[key] = (time.monotonic(), photos)
            _kept.move_to_end(key)
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    return photos


def forget_passing_photos() -> None:
    """Read them anew next time."""
    with _lock:
        _kept.clear()
