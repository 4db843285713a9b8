"""Photos to import: real ones when they lie beside the checkout, else drawn ones."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path

from feira.core.datasets.drawn import draw_listing
from tests.shared_files import SHARED

CLOTHING = SHARED / "data" / "clothing"


def photo_folder(folder: Path, count: int) -> list[Path]:
    """Fill a folder with `count` photos in class folders and return their paths."""
    real = sorted(CLOTHING.rglob("*.jpg"))
    if len(real) >= count:
        chosen = [real[place * len(real) // count] for place in range(count)]
        files = [folder / photo.parent.name / photo.name for photo in chosen]
        for photo, file in zip(chosen, files, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, file)
        return files
    files = []
    for number in range(count):
        drawn = draw_listing(number, seed=7)
        files.append(folder / drawn.category[-1] / f"{drawn.key}.jpg")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_bytes(drawn.photos[0])
    return files


def digests_of(files: list[Path]) -> Counter[str]:
    """Return how often each content is there."""
    return Counter(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
