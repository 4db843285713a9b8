"""Where each file of a data set lies, and which libraries decide its bytes."""

import re
import unicodedata
from importlib.metadata import version

from PIL import features

from feira.core.datasets.records import ImageFile, Record

# Counts up whenever the same records would give other bytes than before.
FORMAT_VERSION = 1

METADATA = "metadata.json"
PREDICTIONS = "predictions.jsonl"
MANIFEST = "manifest.json"
CROISSANT = "croissant.json"
CARD = "README.md"
LABELS = "labels.json"
NO_SPLIT = "all"
FOLDER_METADATA = "metadata.jsonl"

_UNFIT_FOR_FOLDERS = re.compile(r"[^a-z0-9]+")


def image_path(key: str, *, ending: str = "jpg") -> str:
    """Return the photo's place, as in `images/3f/3f…e1.jpg`: at most 256 folders, evenly filled."""
    return f"images/{key[:2]}/{key}.{ending}"


def variant_path(key: str, number: int, *, ending: str = "jpg") -> str:
    """Return the place of an augmented copy, as in `augmentation/3f/3f…e1-02.jpg`."""
    return f"augmentation/{key[:2]}/{sample_name(key, number)}.{ending}"


def shard_path(split: str | None, number: int) -> str:
    """Return the name of a WebDataset shard, as in `train-000003.tar`; `number` counts from 0 within its split."""
    return f"{split or NO_SPLIT}-{number:06}.tar"


def part_path(split: str | None, number: int) -> str:
    """Return the name of a Parquet file, as in `data/train-00003.parquet`."""
    return f"data/{split or NO_SPLIT}-{number:05}.parquet"


def folder_path(record: Record, number: int, image: ImageFile, *, folder: str) -> str:
    """Return the place in an image folder, as in `train/shoes/3f…e1.jpg`; `number` 0 is the photo, others variants.

    Args:
        folder: of the record's label, from `label_folders`.
    """
    return f"{record.split or NO_SPLIT}/{folder}/{sample_name(record.key, number)}.{image.ending}"


def sample_name(key: str, number: int) -> str:
    """Return what the photo (`number` 0) or one of its variants is called in shards and folders."""
    return f"{key}-{number:02}" if number else key


def label_folders(labels: list[str]) -> dict[str, str]:
    """Return a folder name for each label: plain where the label allows it, else `label-` and its place.

    Sorted by folder, which is how torchvision counts classes, the labels stand in the order they have here.
    """
    plain = [_UNFIT_FOR_FOLDERS.sub("-", _without_accents(label).lower())[:60].strip("-") for label in labels]
    if plain == sorted(set(plain)) and all(plain):
        return dict(zip(labels, plain, strict=True))
    width = len(str(max(len(labels) - 1, 0)))
    return {
        label: f"{place:0{width}}-{name}".rstrip("-")
        for place, (label, name) in enumerate(zip(labels, plain, strict=True))
    }


def _without_accents(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def libraries(*, table: bool = False) -> dict[str, str]:
    """Return name → version of what decides the bytes of a data set.

    Args:
        table: the data set holds Parquet files, so that their writer (pyarrow, which has to be installed) counts too.
    """
    found = {
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "libjpeg_turbo": features.version_feature("libjpeg_turbo") or "",
    }
    return {**found, "pyarrow": version("pyarrow")} if table else found
