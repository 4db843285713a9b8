"""The teacher: a pre-trained ONNX encoder asked for its embedding and for what it takes each view to be."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feira.core.encoders.manifest import read_manifest
from feira.core.encoders.rows import unit_rows
from feira.core.encoders.sessions import open_session
from feira.core.errors import ManifestError
from feira.core.types import Matrix

Floats = NDArray[np.float32]
_BATCH = 16


class Answers(NamedTuple):
    """Unit embeddings, shape (n, dim), and logits, shape (n, classes), of n views."""

    embeddings: Matrix
    logits: Floats


class Teacher:
    """Runs a model folder whose ONNX file gives an embedding and logits, on the CPU.

    Raises:
        ManifestError: the folder is no model folder, or its model gives no logits.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        manifest = read_manifest(folder)
        if manifest.image is None or manifest.image.head is None:
            raise ManifestError(f"{folder} names no classes (`logits`); a teacher must say what it takes a view to be.")
        self._side = manifest.image
        self._session = open_session(self._side.weights, threads=threads, settings=self._side.settings, device="cpu")
        self._outputs = [self._side.output_name, manifest.image.head.output_name]
        self.dim = manifest.dim
        self.classes = manifest.image.head.classes
        self.encoder_id = manifest.encoder_id
        self.name, self.licence = manifest.name, manifest.licence

    def answer(self, views: Sequence[Image.Image]) -> Answers:
        """Return what the teacher says of RGB views of any size; they are brought to its own."""
        parts = [self._run(views[start : start + _BATCH]) for start in range(0, len(views), _BATCH)]
        embeddings, logits = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Answers(
            unit_rows(embeddings, count=len(views), dim=self.dim, encoder_id=self.encoder_id),
            np.asarray(logits, dtype=np.float32),
        )

    def _run(self, views: Sequence[Image.Image]) -> tuple[Floats, Floats]:
        pixels = self._side.pixels.prepare([np.asarray(view) for view in views])
        embeddings, logits = self._session.run(self._outputs, {self._side.input_name: pixels})
        return embeddings, logits
