"""Questions about photos: who may see one, under which address, and how an encoder sees it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef
from django.urls import reverse

from feira.core.types import Matrix
from feira.shop.accounts.models import Account
from feira.shop.photos.models import Embedding, Photo

ROW_ID_MAX = 2**63 - 1
Visitor = Account | AnonymousUser

# The columns that a picture on a page needs; a page reads these by `.values()` instead of model instances.
SHOWN = ("id", "width", "height", "tint", "renditions")


class ShownPhoto(TypedDict):
    """A photo as templates and the API show it; widths and heights are those of the `card` rendition."""

    id: int
    alt: str
    tint: int
    width: int
    height: int
    src_thumb: str
    src_card: str
    src_full: str
    srcset: str


def rendition_url(photo_id: int, name: str, digest: str) -> str:
    """Return the address of one rendition; it names the content, so browsers may keep it for ever."""
    return reverse("photos:rendition", args=[photo_id, name, digest[:12]])


def shown_photo(row: Mapping[str, Any], *, alt: str) -> ShownPhoto:
    """Turn a row of `SHOWN` columns into what a page needs."""
    sizes = row["renditions"]
    urls = {name: rendition_url(row["id"], name, rendition["digest"]) for name, rendition in sizes.items()}
    candidates = {sizes[name]["width"]: urls[name] for name in ("full", "card", "thumb")}
    return ShownPhoto(
        id=row["id"],
        alt=alt,
        tint=row["tint"],
        width=sizes["card"]["width"],
        height=sizes["card"]["height"],
        src_thumb=urls["thumb"],
        src_card=urls["card"],
        src_full=urls["full"],
        srcset=", ".join(f"{url} {width}w" for width, url in sorted(candidates.items())),
    )


def digest_for_encoder(renditions: Mapping[str, Any], input_size: int) -> str:
    """Return the digest of the smallest rendition that has enough pixels for the encoder, of the largest if none has.

    Reading a card takes three times as long as reading a thumbnail, and longer than seeing it.

    Args:
        input_size: shorter side that is enough, as the engine's status says; 0 when unknown stands for a card.
    """
    if not input_size:
        return str(renditions["card"]["digest"])
    by_size = sorted(renditions.values(), key=lambda rendition: min(rendition["width"], rendition["height"]))
    enough = [r for r in by_size if min(r["width"], r["height"]) >= input_size]
    return str((enough[0] if enough else by_size[-1])["digest"])


def rendition_visible_to(visitor: Visitor, *, photo_id: int, name: str, digest_start: str) -> tuple[str, bool] | None:
    """Return a rendition's digest and whether it is public, or None when there is none that this visitor may see."""
    row = Photo.objects.filter(pk=photo_id).values("renditions", "is_public", "owner_id").first()
    rendition = row and row["renditions"].get(name)
    if not row or not rendition or not rendition["digest"].startswith(digest_start):
        return None
    if row["is_public"] or (visitor.pk is not None and row["owner_id"] == visitor.pk) or visitor.is_staff:
        return rendition["digest"], row["is_public"]
    return None


def photos_owned_by(account: Account, photo_ids: Iterable[int]) -> list[Photo]:
    """Return those of the photos that the account uploaded, in the order asked for."""
    wanted = [photo_id for photo_id in photo_ids if photo_id <= ROW_ID_MAX]
    found = Photo.objects.filter(owner=account).in_bulk(wanted)
    return [found[photo_id] for photo_id in wanted if photo_id in found]


def embeddings_of(photo_ids: Sequence[int], encoder_id: str) -> tuple[list[int], Matrix]:
    """Return the ids that are embedded, ascending, and their rows as float32, shape (n, dim)."""
    rows = Embedding.objects.filter(encoder_id=encoder_id, photo_id__in=photo_ids).order_by("photo_id")
    pairs = list(rows.values_list("photo_id", "vector"))
    if not pairs:
        return [], np.empty((0, 0), dtype=np.float32)
    matrix = np.stack([np.frombuffer(vector, dtype=np.float16) for _photo_id, vector in pairs]).astype(np.float32)
    return [photo_id for photo_id, _vector in pairs], matrix


def searchable_without_embedding(encoder_id: str, *, most: int, after: int = 0) -> list[int]:
    """Return searchable photos with ids above `after` that this encoder has not seen, lowest first, at most `most`."""
    seen = Embedding.objects.filter(encoder_id=encoder_id, photo_id=OuterRef("pk"))
    found = Photo.objects.filter(~Exists(seen), searchable=True, pk__gt=after).order_by("pk")
    return list(found.values_list("pk", flat=True)[:most])


def encoder_of_last_embedding() -> str:
    """Return the id of the encoder that saw a photo last, empty when none has seen any."""
    return Embedding.objects.order_by("-pk").values_list("encoder_id", flat=True).first() or ""


def photos_without_embedding(photo_ids: Sequence[int], encoder_id: str) -> list[Photo]:
    """Return those of the photos that this encoder has not seen yet, by id."""
    seen = Embedding.objects.filter(encoder_id=encoder_id, photo_id__in=photo_ids).values("photo_id")
    return list(Photo.objects.filter(pk__in=photo_ids).exclude(pk__in=seen).order_by("pk"))
