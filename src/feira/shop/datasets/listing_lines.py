"""Every live listing as a line of JSON, read in batches: nobody's name, and memory for no more than one batch."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from feira.core.datasets.canonical import canonical_json
from feira.shop.datasets.facts import attributes_of, price_minor, tags_of
from feira.shop.datasets.pseudonyms import pseudonym_secret, seller_pseudonym, without_contacts
from feira.shop.datasets.selection import listing_name
from feira.shop.listings.models import ListingPhoto
from feira.shop.listings.selectors import ListingFilter, live_listings
from feira.shop.listings.tags import COLOUR

# Few at first, so that whoever asks sees something at once.
FIRST_BATCH, BATCH = 50, 500
_COLUMNS = (
    "pk",
    "seller_id",
    "title",
    "description",
    "category__path",
    "price",
    "currency",
    "condition",
    "state",
    "published_at",
)


def listing_lines(*, category: str = "", published_since: datetime | None = None) -> Iterator[bytes]:
    """Yield live listings by ascending number, some lines of JSON at a time; four queries for each batch.

    A listing without a photo that may be shown to all is left out. What is published or ends meanwhile is in or out,
    but nothing comes twice.

    Args:
        category: path of slugs; what lies below passes too. Empty: all.
        published_since: earlier ones are left out.
    """
    found = live_listings(ListingFilter(category_path=category)).order_by("pk")
    if published_since is not None:
        found = found.filter(published_at__gte=published_since)
    secret, last, most = pseudonym_secret(), 0, FIRST_BATCH
    while rows := list(found.filter(pk__gt=last).values(*_COLUMNS)[:most]):
        yield b"".join(_lines(rows, secret))
        last, most = rows[-1]["pk"], BATCH


def _lines(rows: list[dict[str, Any]], secret: bytes) -> Iterator[bytes]:
    ids = [row["pk"] for row in rows]
    photos, attributes, tags = _photos(ids), attributes_of(ids), tags_of(ids)
    for row in rows:
        pk = row["pk"]
        if pk in photos:
            yield canonical_json(_record(row, photos[pk], attributes[pk], tags[pk], secret)) + b"\n"


def _record(
    row: Mapping[str, Any],
    photos: list[dict[str, Any]],
    attributes: Mapping[str, Any],
    tags: list[dict[str, Any]],
    secret: bytes,
) -> dict[str, Any]:
    return {
        "listing": listing_name(row["pk"]),
        "seller": seller_pseudonym(secret, row["seller_id"]),
        "title": without_contacts(row["title"]),
        "description": without_contacts(row["description"]),
        "category": row["category__path"],
        "price_minor": price_minor(row["price"], row["currency"]),
        "currency": row["currency"],
        "condition": row["condition"],
        "state": row["state"],
        "published_at": row["published_at"].isoformat() if row["published_at"] else None,
        "attributes": attributes,
        "tags": [tag for tag in tags if tag["group"] != COLOUR],
        "colours": [tag["name"] for tag in tags if tag["group"] == COLOUR],
        "photos": photos,
    }


def _photos(listing_ids: list[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return the photos of each listing that may be shown to all, in their order; listings without any are absent."""
    placed: QuerySet[ListingPhoto] = ListingPhoto.objects.filter(listing_id__in=listing_ids, photo__is_public=True)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    columns = ("listing_id", "photo__digest", "photo__width", "photo__height")
    for listing_id, digest, width, height in placed.order_by("position").values_list(*columns):
        found[listing_id].append({"sha256": digest, "width": width, "height": height})
    return found
