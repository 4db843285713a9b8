"""A model folder to be spoiled."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

Facts = dict[str, Any]
Change = Callable[[Facts], object]


class WriteModel(Protocol):
    """Writes a model folder with the given weights, after a change to its manifest, and returns it."""

    def __call__(self, *, weights: bytes = ..., change: Change = ...) -> Path: ...


@pytest.fixture
def model_folder(tmp_path: Path) -> WriteModel:
    """Return a function that writes one model folder."""

    def write(*, weights: bytes = b"weights", change: Change = dict.copy) -> Path:
        facts: Facts = {
            "name": "tiny",
            "files": {"model.onnx": {"sha256": hashlib.sha256(weights).hexdigest()}},
            "input": {
                "name": "input",
                "dtype": "float32",
                "layout": "NCHW",
                "shape": ["batch", 3, 224, 224],
                "colour_order": "RGB",
                "mean": [127.5, 127.5, 127.5],
                "std": [127.5, 120, 127.5],
                "resize": "bilinear",
                "crop": "centre square of the short side",
            },
            "outputs": {"embedding": {"dtype": "float32", "shape": ["batch", 1280]}},
            "licence": "Apache-2.0",
        }
        change(facts)
        folder = tmp_path / "tiny"
        folder.mkdir()
        (folder / "model.onnx").write_bytes(weights)
        (folder / "model.json").write_text(json.dumps(facts))
        return folder

    return write
