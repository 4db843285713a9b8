"""The eye that ships with Feira: an ordinary model folder inside the package, made by `feira train encoder`."""

from pathlib import Path
from typing import Final

from feira.core.encoders.heads import HEADS_NAME, Heads
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.sessions import Device

NAME: Final = "builtin"
FOLDER: Final = Path(__file__).parent
"""Holds `model.json`, `model.onnx` and `heads.npz`."""


def open_builtin(*, threads: int = 1, device: Device = "auto") -> OnnxEncoder:
    """Return the built-in encoder, ready.

    Raises:
        ManifestError: the installation is damaged.
    """
    return OnnxEncoder(FOLDER, threads=threads, device=device)


def open_heads() -> Heads:
    """Return the classifier heads that read the built-in encoder's embeddings.

    Raises:
        ManifestError: the installation is damaged.
    """
    return Heads.open(FOLDER / HEADS_NAME)
