"""The public catalogues that Feira is measured on, read from their own tables; only what is never trained on."""

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from feira.core.errors import SourceError
from feira.core.evaluation.splits import is_held_out

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the fashion catalogue: one photo, and what its shop says about it."""

    key: str
    title: str
    kind: str
    colour: str
    gender: str
    path: Path


@dataclass(frozen=True, slots=True)
class Sticker:
    """One drawing of a sticker; two drawings of one sticker share a key."""

    key: str
    name: str
    keywords: tuple[str, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class CaptionedPhoto:
    """An everyday photo and the sentences that people wrote about it."""

    key: str
    captions: tuple[str, ...]
    path: Path


def read_products(folder: Path, *, held_out: bool = True) -> list[Product]:
    """Return the products of `products.csv`: those kept for evaluation, or the others.

    Raises:
        SourceError: there is no such table, or a column is missing.
    """

    def product(row: dict[str, str]) -> Product:
        return Product(
            key=row["id"],
            title=row["productDisplayName"],
            kind=row["articleType"],
            colour=row["baseColour"],
            gender=row["gender"],
            path=folder / row["file"],
        )

    return [each for each in _read(folder / "products.csv", product) if is_held_out(each.key) is held_out]


def read_stickers(folder: Path, *, held_out: bool = True) -> list[Sticker]:
    """Return the drawings of `stickers.csv`: those kept for evaluation, or the others.

    Raises:
        SourceError: there is no such table, or a column is missing.
    """

    def sticker(row: dict[str, str]) -> Sticker:
        keywords = tuple(word.strip() for word in row["keywords"].split(";") if word.strip())
        return Sticker(key=row["codepoints"], name=row["name"], keywords=keywords, path=folder / row["file"])

    return [each for each in _read(folder / "stickers.csv", sticker) if is_held_out(each.key) is held_out]


def read_captioned(folder: Path) -> list[CaptionedPhoto]:
    """Return the photos of `captions.csv` with their captions; none of them is ever trained on.

    Raises:
        SourceError: there is no such table, or a column is missing.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    for name, caption in _read(folder / "captions.csv", lambda row: (row["file"], row["caption"])):
        captions[name].append(caption)
    return [CaptionedPhoto(name, tuple(said), folder / name) for name, said in captions.items()]


def _read(table: Path, made: Callable[[dict[str, str]], Row]) -> list[Row]:
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            return [made(row) for row in csv.DictReader(stream)]
    except OSError as error:
        raise SourceError(
            f"{table} cannot be read ({error.strerror}); name the folder that holds the catalogue."
        ) from error
    except KeyError as error:
        raise SourceError(f"{table} has no column {error}; it is another table than the one expected here.") from error
