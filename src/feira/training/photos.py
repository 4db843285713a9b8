"""Which photos the eye is trained on, with everything that is known about each; nothing held out is among them."""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from feira.core.datasets.drawn import draw_listing
from feira.core.errors import Refused
from feira.core.evaluation.splits import is_held_out, place

Source = Literal["clothing", "products", "stickers", "drawn"]
SOURCES: tuple[Source, ...] = ("clothing", "products", "stickers", "drawn")

# Clothing decides which weights are kept, so it needs enough to decide by; the others are only watched.
_VALIDATION_SHARES: Mapping[Source, float] = {"clothing": 0.12, "products": 0.05, "stickers": 0.05, "drawn": 0.05}


@dataclass(frozen=True, slots=True)
class TrainingPhoto:
    """One photo and what is known of it.

    Attributes:
        key: stable name, as in `products/1550`; seeds what is done to the photo.
        source: the collection it comes from.
        path: its file, None for a drawn photo.
        drawing: the file of a drawn photo, empty for others.
        labels: class names by head, as in `{"article": "Tshirts", "colour": "Navy Blue"}`.
        words: what a seller would write, for the loss that ties pictures to words.
        is_validation: kept from training to choose the weights by.
    """

    key: str
    source: Source
    path: Path | None
    drawing: bytes = b""
    labels: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    is_validation: bool = False

    def read(self) -> bytes:
        """Return the photo's file."""
        return self.drawing if self.path is None else self.path.read_bytes()


def gather(data: Path | None, *, drawn: int, seed: int) -> list[TrainingPhoto]:
    """Return all training photos, by source and then by name.

    Args:
        data: folder with `clothing/train`, `fashion-products` and `stickers`, each of which may be missing; None for
            drawn photos alone. `clothing/test` and what `is_held_out` names are never read for training.
        drawn: how many photos to draw.
        seed: of the drawn photos.

    Raises:
        Refused: there is nothing to train on.
    """
    photos: list[TrainingPhoto] = []
    if data is not None:
        photos += [*_clothing(data / "clothing" / "train"), *_products(data / "fashion-products")]
        photos += _stickers(data / "stickers")
    photos += _drawn(drawn, seed=seed)
    if not photos:
        raise Refused(f"{data} holds none of clothing/train, fashion-products and stickers, and --drawn is 0.")
    return photos


def gather_held_out(data: Path) -> list[TrainingPhoto]:
    """Return the products and stickers that are never trained on, which tell how good the finished eye is."""
    return [*_products(data / "fashion-products", held_out=True), *_stickers(data / "stickers", held_out=True)]


def _photo(
    source: Source,
    name: str,
    path: Path | None,
    *,
    labels: dict[str, str],
    words: str,
    split_by: str = "",
    drawing: bytes = b"",
) -> TrainingPhoto:
    """Return a photo; what has the same `split_by` (default: the name) is on the same side of the validation split."""
    is_validation = place(split_by or name, salt=f"validation {source}") < _VALIDATION_SHARES[source]
    known = {head: name for head, name in labels.items() if name}
    return TrainingPhoto(f"{source}/{name}", source, path, drawing, known, words, is_validation)


def _clothing(folder: Path) -> Iterator[TrainingPhoto]:
    for path in sorted(folder.glob("*/*.jpg")):
        label = path.parent.name
        yield _photo("clothing", path.stem, path, labels={"garment": label}, words=label)


def _products(folder: Path, *, held_out: bool = False) -> Iterator[TrainingPhoto]:
    rows = _table(folder / "products.csv")
    withheld = {_digest(folder / row["file"]) for row in rows if is_held_out(row["id"])}
    for row in rows:
        path = folder / row["file"]
        digest = _digest(path)
        # The same picture is sold under several ids; one that is held out under any of them is not trained on.
        if (is_held_out(row["id"]) or digest in withheld) != held_out:
            continue
        labels = {
            "article": row["articleType"],
            "colour": row["baseColour"],
            "gender": row["gender"],
            "usage": row["usage"],
        }
        yield _photo("products", row["id"], path, labels=labels, words=row["productDisplayName"], split_by=digest)


def _stickers(folder: Path, *, held_out: bool = False) -> Iterator[TrainingPhoto]:
    for row in _table(folder / "stickers.csv"):
        if is_held_out(row["codepoints"]) != held_out:
            continue
        words = ", ".join([row["name"], *row["keywords"].split(";")[:6]])
        name = f"{row['set']}/{row['codepoints']}"
        yield _photo(
            "stickers",
            name,
            folder / row["file"],
            labels={"group": row["group"]},
            words=words,
            split_by=row["codepoints"],
        )


def _drawn(count: int, *, seed: int) -> Iterator[TrainingPhoto]:
    # Far from the numbers that the demonstration draws with the same generator.
    for number in range(count):
        listing = draw_listing(number, seed=seed + 1_000_000)
        labels = {head: str(listing.attributes[head]) for head in ("kind", "pattern")}
        labels["drawn colour"] = str(listing.attributes["colour"])
        yield _photo("drawn", listing.key, None, labels=labels, words=listing.title, drawing=listing.photos[0])


def _table(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
