"""What a recipe does, shown on a few photos of the shop before any data set is asked for."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from feira.core.augment.cost import most_pixels
from feira.core.augment.pool import RenderTask
from feira.core.augment.recipe import Recipe
from feira.core.augment.render import Rendered
from feira.core.augment.rule import ImageRule
from feira.core.datasets.records import record_key
from feira.shop.datasets.asked import Asked
from feira.shop.datasets.errors import PreviewTooHeavy
from feira.shop.datasets.preview_process import preview_process
from feira.shop.datasets.selection import listing_name, photos_asked_for
from feira.shop.photos.blobs import blob_store

PREVIEW_RULE = ImageRule("longest", 240, "webp", 80)
MOST_PHOTOS, MOST_VARIANTS = 6, 8
# One process writes some 20 million a second, so this is about as long as somebody waits.
MOST_PIXELS: Final = 200_000_000


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

    The variants are those that the data set would have, but for the size. Photos are renditions of our own making; the
    recipe is a stranger's, so it is rendered in a process of its own that has little time and memory.

    Raises:
        PreviewTooHeavy: the recipe asks for too much; most often told before any work.
        PreviewBusy: as many previews are under way as this process makes at once.
        EngineUnavailable: only when the request says `similar_to`.
    """
    wanted = recipe.changed(variants=min(max(variants, 1), MOST_VARIANTS))
    photos = min(max(photos, 1), MOST_PHOTOS)
    _refuse_heavy(wanted, photos)
    placed = photos_asked_for(asked or Asked(label=""))
    columns = ("listing_id", "photo_id", "listing__title", "photo__digest", "photo__renditions")
    rows = list(placed.order_by("photo__digest").values_list(*columns)[:photos])
    each = 1 + wanted.variants
    outcomes = preview_process().pictures(_tasks(rows, wanted)) if rows else []
    found = []
    for place, (_listing, photo_id, title, _digest, _renditions) in enumerate(rows):
        made = [outcome.rendered for outcome in outcomes[place * each : (place + 1) * each]]
        # A rendition that has been lost leaves its photo out; the others still show what the recipe does.
        if all(made):
            original, *others = (_picture(rendered) for (rendered,) in made)
            found.append(Preview(photo_id, title, original, others))
    return found


def _tasks(rows: list[tuple[Any, ...]], recipe: Recipe) -> Iterator[RenderTask]:
    """Yield each picture as a task of its own, so that what is left is not begun when the time is over."""
    for listing_id, _photo_id, _title, digest, renditions in rows:
        key = record_key(listing=listing_name(listing_id), photo_sha256=digest)
        try:
            content = blob_store().get(renditions["card"]["digest"])
        except FileNotFoundError:
            content = b""  # refused as unreadable
        for number in range(1 + recipe.variants):
            yield RenderTask(key, content, PREVIEW_RULE, recipe, (number,))


def _refuse_heavy(recipe: Recipe, photos: int) -> None:
    longest = PREVIEW_RULE.size or 0
    pixels = most_pixels(recipe, (longest, longest)) * photos * recipe.variants
    if pixels > MOST_PIXELS:
        text = _(
            "The operations of this recipe write up to %(asked)s million pixels for a preview, and %(most)s million "
            "are the most. Resize to less, or take an operation out; a data set may still be made with it."
        )
        numbers = {"asked": -(-pixels // 1_000_000), "most": MOST_PIXELS // 1_000_000}
        raise PreviewTooHeavy(text % numbers, pixels=pixels, most_pixels=MOST_PIXELS)


def _picture(rendered: Rendered) -> PreviewPicture:
    encoded = base64.b64encode(rendered.content).decode()
    drawn = [step.as_json() for step in rendered.steps]
    return PreviewPicture(f"data:image/webp;base64,{encoded}", rendered.width, rendered.height, drawn)
