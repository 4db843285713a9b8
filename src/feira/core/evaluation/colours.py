"""How often are products given the colour that their seller states? Measured on products that were never fitted on."""

import csv
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feira.core.errors import SourceError
from feira.core.evaluation.splits import is_held_out
from feira.core.images.colour_words import colour_named
from feira.core.images.colours import COLOUR_NAMES, MULTICOLOUR, colour_shares, main_colours, prototypes
from feira.core.images.decode import decode_rendition
from feira.core.images.foreground import Foreground
from feira.core.images.oklab import oklab
from feira.core.types import Pixels

Progress = Callable[[int, int], None]
Shares = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A product's picture and the named colour that its stated colour stands for."""

    path: Path
    colour: str


@dataclass(frozen=True, slots=True)
class ColourEvaluation:
    """What was measured.

    Attributes:
        method: `foreground` (as the shop does it) or `whole picture` (the same names without segmentation).
        top1: share of products whose largest named colour is the stated one.
        top2: share whose stated colour is among the two largest.
        tagged: share whose stated colour is among the names that the shop would give as tags.
        tags_per_picture: how many names that are, in the mean.
        products: number of products with a stated colour that we name; those stated as multicoloured are left out.
        multicolour_recall, multicolour_precision: of the tag `multicolour`, against those stated as such.
        ms_per_picture: median time of segmentation and naming, without decoding.
        by_colour: top1 of each stated colour.
    """

    method: str
    top1: float
    top2: float
    tagged: float
    tags_per_picture: float
    products: int
    multicolour_recall: float
    multicolour_precision: float
    ms_per_picture: float
    by_colour: Mapping[str, float]


def labelled_pictures(folder: Path, *, held_out: bool) -> list[LabelledPicture]:
    """Return the products of a folder with `products.csv` (id, baseColour, file) whose stated colour we can name.

    Raises:
        SourceError: there is no such table, or no product in it.
    """
    table = folder / "products.csv"
    if not table.is_file():
        raise SourceError(f"There is no products.csv in {folder}; name a folder with one.")
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if is_held_out(str(row.get("id", ""))) == held_out]
    named = [(row, colour_named(row.get("baseColour") or "")) for row in rows]
    pictures = [LabelledPicture(folder / row["file"], colour) for row, colour in named if colour and row.get("file")]
    if not pictures:
        raise SourceError(f"{table} has no product with id, file and baseColour.")
    return pictures


def evaluate_colours(
    pictures: Sequence[LabelledPicture], *, with_foreground: bool = True, progress: Progress | None = None
) -> ColourEvaluation:
    """Name the colours of every picture and compare them with what is stated.

    Raises:
        InvalidImage: a picture is damaged.
        SourceError: none of the pictures has a stated colour other than multicoloured.
    """
    measure = colour_shares if with_foreground else _shares_of_whole
    found: list[Shares] = []
    times = []
    for number, picture in enumerate(pictures, start=1):
        pixels = decode_rendition(picture.path.read_bytes())
        started = time.perf_counter()
        found.append(measure(pixels))
        times.append(time.perf_counter() - started)
        if progress is not None:
            progress(number, len(pictures))
    return _summary(
        "foreground" if with_foreground else "whole picture",
        [(picture.colour, shares) for picture, shares in zip(pictures, found, strict=True)],
        ms_per_picture=float(np.median(times)) * 1000,
    )


def _shares_of_whole(pixels: Pixels) -> Shares:
    lab = oklab(pixels)
    shares = prototypes().shares(Foreground(lab, np.ones(lab.shape[:2], np.float32)))
    return {COLOUR_NAMES[place]: float(shares[place]) for place in np.argsort(-shares, kind="stable")}


def _summary(method: str, judged: Sequence[tuple[str, Shares]], *, ms_per_picture: float) -> ColourEvaluation:
    plain = [(colour, shares) for colour, shares in judged if colour != MULTICOLOUR]
    if not plain:
        raise SourceError("No picture has a stated colour other than multicoloured, so there is nothing to measure.")
    tags = [{named.name for named in main_colours(shares)} for _colour, shares in judged]
    tags_of_plain = [names for (colour, _shares), names in zip(judged, tags, strict=True) if colour != MULTICOLOUR]
    multi = [MULTICOLOUR in names for names in tags]
    stated_multi = [colour == MULTICOLOUR for colour, _shares in judged]
    both = sum(said and stated for said, stated in zip(multi, stated_multi, strict=True))
    right = Counter(colour for colour, shares in plain if next(iter(shares)) == colour)
    stated = Counter(colour for colour, _shares in plain)
    return ColourEvaluation(
        method=method,
        top1=sum(right.values()) / len(plain),
        top2=sum(colour in list(shares)[:2] for colour, shares in plain) / len(plain),
        tagged=sum(colour in names for (colour, _), names in zip(plain, tags_of_plain, strict=True)) / len(plain),
        tags_per_picture=sum(map(len, tags_of_plain)) / len(plain),
        products=len(plain),
        multicolour_recall=both / sum(stated_multi) if any(stated_multi) else 0.0,
        multicolour_precision=both / sum(multi) if any(multi) else 0.0,
        ms_per_picture=ms_per_picture,
        by_colour={name: right[name] / stated[name] for name in COLOUR_NAMES if stated[name]},
    )
