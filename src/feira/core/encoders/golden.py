"""Golden answers: what a model gave for known pictures and words, and must give again on the processor that serves it.

Measured: 8-bit files with signed weights are not coarse but wrong on processors without VNNI (cosine to float32 down to
0.80 with the same file that is right elsewhere), so a model that rounds activations is never taken on trust.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feira.core.encoders.manifest import Golden
from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.errors import ManifestError
from feira.core.types import Matrix, Pixels

IMAGES, TEXTS = "images", "texts"

PROBE_TEXTS: Final = (
    "a red summer dress with small flowers",
    "black leather boots",
    "wooden chair",
    "vintage camera, works, with case",
    "blue jeans, size 32, hardly worn",
    "a",
    "mountain bike 29 inch disc brakes aluminium frame front suspension helmet included",
    "porcelain tea set for six persons",
)
_COUNT: Final = 8


def probe_images() -> list[Pixels]:
    """Return eight soft, colourful pictures of different shapes, the same on every machine.

    Their noise comes from whole-number arithmetic, for a generator's stream may change with its library.
    """
    state = 20_240_229
    pictures: list[Pixels] = []
    for place in range(_COUNT):
        cells = 3 + 2 * place  # from large soft areas to fine texture
        values = []
        for _ in range(cells * cells * 3):
            state = (1_103_515_245 * state + 12_345) % 2**31
            values.append(state >> 23)
        noise = np.array(values, dtype=np.uint8).reshape(cells, cells, 3)
        size = (240 + 20 * (place % 3), 320 - 20 * (place % 4))
        pictures.append(np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)))
    return pictures


def answers_of(encoder: Encoder | TextEncoder) -> dict[str, Matrix]:
    """Return what an encoder answers to the probes: `images` and `texts`, as far as it takes them."""
    answers = {}
    if isinstance(encoder, Encoder):
        answers[IMAGES] = encoder.encode_images(probe_images())
    if isinstance(encoder, TextEncoder):
        answers[TEXTS] = encoder.encode_texts(PROBE_TEXTS)
    return answers


def write_golden(path: Path, answers: Mapping[str, NDArray[Any]]) -> None:
    """Keep answers as a file that `check_golden` reads; float32, some tens of kilobytes."""
    none = np.empty((0, 0), dtype=np.float32)
    with path.open("wb") as file:
        np.savez(file, images=answers.get(IMAGES, none), texts=answers.get(TEXTS, none))


def check_golden(encoder: Encoder, golden: Golden) -> dict[str, float]:
    """Compare an encoder's present answers with the kept ones and return the least cosine of each side.

    Raises:
        ManifestError: one of them is below the floor, or the kept answers belong to another model.
    """
    return compare(answers_of(encoder), _read(golden.file), floor=golden.floor, what=encoder.encoder_id)


def compare(
    found: Mapping[str, Matrix], expected: Mapping[str, Matrix], *, floor: float, what: str
) -> dict[str, float]:
    """Return the least cosine of each side.

    Raises:
        ManifestError: one of them is below the floor, or the two have not the same sides and shapes.
    """
    least: dict[str, float] = {}
    for side, rows in found.items():
        if side not in expected or expected[side].shape != rows.shape:
            raise ManifestError(f"The kept answers are not of {what}: {side} differ in shape or are missing.")
        least[side] = float((rows * expected[side]).sum(axis=1).min())
        if not least[side] >= floor:
            raise ManifestError(
                f"{what} answers differently on this processor: cosine {least[side]:.3f} for {side}, at least {floor} "
                "is needed. Models that calculate in 8 bits are wrong on some processors; take the float32 file, or "
                "one with 8-bit weights only (`feira model convert`).",
                side=side,
                cosine=least[side],
            )
    return least


def _read(path: Path) -> dict[str, Matrix]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files if len(kept[name])}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ManifestError(f"{path} holds no golden answers ({error}).") from error
