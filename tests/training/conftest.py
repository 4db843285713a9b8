"""A folder of training data as small as can be, drawn here."""

import csv
import importlib.util
import os
from pathlib import Path

import pytest
from PIL import Image

from feira.core.evaluation.splits import is_held_out

# Skipped without the extra feira[torch]; under `CI=true` the missing package fails the tests themselves.
_HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "onnx", "onnxscript"))
collect_ignore = (
    []
    if _HAS_TORCH or os.environ.get("CI") == "true"
    else ["test_encoder.py", "test_heads.py", "test_whitening.py", "test_words.py"]
)


def picture(colour: tuple[int, ...], size: tuple[int, int] = (60, 80)) -> Image.Image:
    return Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty products, of which the held-out ones and two copies look alike; twelve stickers; eight garments."""
    folder = tmp_path / "data"
    for kind in ("hat", "dress"):
        for part in ("train", "test"):
            place = folder / "clothing" / part / kind
            place.mkdir(parents=True)
            for number in range(4):
                picture((30 * number, 90, 200)).save(place / f"{part}-{kind}-{number}.jpg")
    _products(folder / "fashion-products")
    _stickers(folder / "stickers")
    return folder


def _products(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    ids = [str(number) for number in range(40)]
    withheld = next(name for name in ids if is_held_out(name))
    copies = [name for name in ids if not is_held_out(name)][:2]
    rows = []
    for name in ids:
        file = f"images/{name}.jpg"
        # The first two that may be trained on carry the picture of one that may not.
        shown = withheld if name in copies else name
        picture((6 * int(shown), 128, 255 - 6 * int(shown))).save(folder / file)
        facts = {"articleType": "Tshirts", "baseColour": "Navy Blue", "gender": "Men", "usage": ""}
        rows.append({"id": name, **facts, "productDisplayName": f"Shirt {name}", "file": file})
    _write(folder / "products.csv", rows)


def _stickers(folder: Path) -> None:
    rows = []
    for number in range(12):
        for style in ("noto", "emojitwo"):
            (folder / style).mkdir(parents=True, exist_ok=True)
            file = f"{style}/{number:04x}.png"
            picture((200, 20 * number, 40, 128), (32, 32)).save(folder / file)
            rows.append(
                {
                    "file": file,
                    "set": style,
                    "codepoints": f"{number:04x}",
                    "name": f"sticker {number}",
                    "keywords": "a;b",
                    "group": "Objects",
                }
            )
    _write(folder / "stickers.csv", rows)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
