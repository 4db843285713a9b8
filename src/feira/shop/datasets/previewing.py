"""What a recipe does, shown on a few photos of the shop before any data set is asked for."""

import base64
from dataclasses import dataclass
from typing import Any

from feira.core.augment.recipe import Recipe
from feira.core.augment.render import Rendered, render
from feira.core.augment.rule import ImageRule
from feira.core.datasets.records import record_key
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.selection import listing_name, photos_asked_for
from feira.shop.photos.blobs import blob_store

PREVIEW_RULE = ImageRule("longest", 240, "webp", 80)
MOST_PHOTOS, MOST_VARIANTS = 6, 8


@dataclass(frozen=True, slots=True)
class PreviewPicture:
    """A picture to show; `src` is a data address, `drawn` is what chance decided for each operation."""

    src: str
    width: int
    height: int
    drawn: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Preview:
    """A photo and its first variants."""

    photo_id: int
    title: str
    original: PreviewPicture
    variants: list[PreviewPicture]


def preview_recipe(recipe: Recipe, *, asked: Asked | None = None, photos: int = 3, variants: int = 3) -> list[Preview]:
    """Return a few photos that a request would choose with what the recipe makes of them, in a small size.

    The variants are those that the data set would have, but for the size. Photos are renditions of our own making, so
    they are decoded here.

    Raises:
        EngineUnavailable: only when the request says `similar_to`.
    """
    wanted = recipe.changed(variants=min(max(variants, 1), MOST_VARIANTS))
    placed = photos_asked_for(asked or Asked(label=""))
    columns = ("listing_id", "photo_id", "listing__title", "photo__digest", "photo__renditions")
    rows = placed.order_by("photo__digest").values_list(*columns)[: min(max(photos, 1), MOST_PHOTOS)]
    found = []
    for listing_id, photo_id, title, digest, renditions in rows:
        content = blob_store().get(renditions["card"]["digest"])
        key = record_key(listing=listing_name(listing_id), photo_sha256=digest)
        original, *others = render(content, PREVIEW_RULE, wanted, key=key)
        found.append(Preview(photo_id, title, _picture(original), [_picture(each) for each in others]))
    return found


def _picture(rendered: Rendered) -> PreviewPicture:
    encoded = base64.b64encode(rendered.content).decode()
    drawn = [step.as_json() for step in rendered.steps]
    return PreviewPicture(f"data:image/webp;base64,{encoded}", rendered.width, rendered.height, drawn)
