"""The small catalogue that the journeys walk through: every title is its own, so that a card can be told by it."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from feira.core.datasets.drawn import draw_listing
from tests.shared_files import SHARED

CLOTHING = SHARED / "data" / "clothing" / "test"
PER_CATEGORY = 6
DRAWN = 60
NAMES = ("Harbour", "Meadow", "Cinder", "Velvet", "Juniper", "Saffron")
SIZES = ("S", "M", "L")


@dataclass(frozen=True, slots=True)
class Item:
    """A listing of the catalogue and the file of its photo."""

    title: str
    category: str
    photo: Path


def write_catalogue(folder: Path) -> tuple[Path, list[Item]]:
    """Write a file that `feira import` takes; return it and what it holds.

    The photos are of real clothing when those lie beside the checkout, else Feira draws them.
    """
    photos = _real_photos() if CLOTHING.is_dir() else _drawn_photos(folder)
    seen: Counter[str] = Counter()
    items = []
    for number, (category, photo) in enumerate(photos):
        title = f"{NAMES[number % len(NAMES)]} {category.lower()}"
        seen[title] += 1
        items.append(Item(f"{title} {seen[title]}" if seen[title] > 1 else title, category, photo))
    source = folder / "catalogue.jsonl"
    source.write_text("\n".join(json.dumps(_record(number, item)) for number, item in enumerate(items)) + "\n")
    return source, items


def variant(photo: Path, *, mirrored: bool = True, cut: float = 0.04) -> bytes:
    """Return another picture of the same thing: mirrored, cut a little, as JPEG."""
    with Image.open(photo) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    edge = round(min(upright.size) * cut)
    upright = upright.crop((edge, edge, upright.width - edge, upright.height - edge))
    out = io.BytesIO()
    (ImageOps.mirror(upright) if mirrored else upright).save(out, "JPEG", quality=88)
    return out.getvalue()


def _record(number: int, item: Item) -> dict[str, str]:
    return {
        "id": f"journey-{number}",
        "title": item.title,
        "category": item.category,
        "price": f"{10 + number}.50",
        "condition": ("new", "good", "fair")[number % 3],
        "seller": ("Rua Nova", "Attic & Co")[number % 2],
        "attr:size": SIZES[number % len(SIZES)],
        "description": "Washed and ready to wear.",
        "photos": str(item.photo),
    }


def _real_photos() -> Iterator[tuple[str, Path]]:
    for folder in sorted(path for path in CLOTHING.iterdir() if path.is_dir()):
        for photo in sorted(folder.iterdir())[:PER_CATEGORY]:
            yield folder.name.replace("-", " ").capitalize(), photo


def _drawn_photos(folder: Path) -> Iterator[tuple[str, Path]]:
    for number in range(DRAWN):
        drawn = draw_listing(number, seed=5)
        photo = folder / f"{drawn.key}.jpg"
        photo.write_bytes(drawn.photos[0])
        yield drawn.category[-1], photo
