"""Image encoders that are ONNX files: any model folder with a `model.json` as `feira.core.encoders.manifest` reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feira.core.encoders.manifest import ModelManifest, read_manifest
from feira.core.encoders.rows import unit_rows
from feira.core.encoders.sessions import Device, open_session
from feira.core.encoders.sides import ImageSide, pooled
from feira.core.errors import EncoderError, ManifestError
from feira.core.types import Matrix, Pixels

# Larger batches gain nothing on a CPU and only cost memory.
_BATCH: Final = 8
_DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}


class OnnxEncoder:
    """Runs the image side of a model folder with onnxruntime.

    Args:
        folder: holds `model.json` and the files it lists, whose checksums are verified; or what was read of it.
        threads: cores one call may use. Several threads may call at once; each then uses that many.
        device: `auto` takes a GPU where the runtime can use one.

    Raises:
        ManifestError: the folder is incomplete or altered, or the model is not what its manifest says.
    """

    def __init__(self, folder: Path | ModelManifest, *, threads: int = 1, device: Device = "auto") -> None:
        self._manifest = folder if isinstance(folder, ModelManifest) else read_manifest(folder)
        side = self._manifest.image
        if side is None:
            raise ManifestError(f"{self._manifest.folder} holds a model of texts; it takes no pictures.", key="input")
        self._side = side
        self._session = open_session(side.weights, threads=threads, settings=side.settings, device=device)
        self._check_names()

    @property
    def encoder_id(self) -> str:
        """Name and checksum of the weights, as in `mobilenet_v2_1.0_224@d9cb3c82`."""
        return self._manifest.encoder_id

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return self._side.dim

    @property
    def input_size(self) -> int:
        """Shorter side below which a larger photo need not be decoded."""
        return self._side.pixels.shorter_side

    @property
    def manifest(self) -> ModelManifest:
        """What the model folder says of itself."""
        return self._manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes that `classify_images` answers about, in order; empty without a classifier."""
        return self._side.head.labels if self._side.head else ()

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        parts = [self._encoded(batch) for batch in self._batches(images)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def classify_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return each class's number before softmax: one float32 row of `len(labels)` per image.

        Raises:
            ManifestError: the model has no classifier.
            EncoderError: it answered with the wrong shape or with what is no number.
        """
        head = self._side.head
        if head is None:
            raise ManifestError(f"{self._manifest.folder} names no `outputs.logits`; it cannot tell classes.")
        parts = [self._run(batch, head.output_name) for batch in self._batches(images)]
        rows = np.concatenate(parts) if parts else np.empty((0, head.classes), dtype=np.float32)
        if rows.shape != (len(images), head.classes) or not np.isfinite(rows).all():
            raise EncoderError(f"{self.encoder_id} answered with shape {rows.shape} for {head.classes} classes.")
        return rows.astype(np.float32)

    def _batches(self, images: Sequence[Pixels]) -> list[Sequence[Pixels]]:
        return [images[start : start + self._batch] for start in range(0, len(images), self._batch)]

    def _encoded(self, images: Sequence[Pixels]) -> Matrix:
        rows = pooled(self._run(images, self._side.output_name), self._side.pool)
        return unit_rows(rows, count=len(images), dim=self.dim, encoder_id=self.encoder_id)

    def _run(self, images: Sequence[Pixels], output: str) -> NDArray[Any]:
        batch = self._side.pixels.prepare(images)
        try:
            (rows,) = self._session.run([output], {self._side.input_name: batch})
        except Exception as error:  # the runtime's own exceptions share no base class
            raise EncoderError(f"The model {self.encoder_id} failed on {len(images)} images: {error}") from error
        return np.asarray(rows)

    def _check_names(self) -> None:
        """Compare the names in the manifest with those in the ONNX file, before the first photo does."""
        side = self._side
        inputs = {node.name: node for node in self._session.get_inputs()}
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        if list(inputs) != [side.input_name]:
            raise ManifestError(f"{side.weights} takes {list(inputs)}, its manifest says {side.input_name!r}.")
        taken = inputs[side.input_name]
        if _DTYPES.get(taken.type) != side.pixels.dtype:
            raise ManifestError(f"{side.weights} takes {taken.type}, its manifest says {side.pixels.dtype}.")
        wanted = [side.output_name, *([side.head.output_name] if side.head else [])]
        for name in wanted:
            if name not in outputs:
                raise ManifestError(f"{side.weights} gives {list(outputs)}, but no {name!r}.")
        shape = outputs[side.output_name]
        length = shape[1] if side.pool == "spatial" or len(shape) == 4 else shape[-1]
        if isinstance(length, int) and length != side.dim:
            raise ManifestError(f"{side.weights} gives {length} numbers, its manifest says {side.dim}.")
        self._batch = _batch_of(side, taken.shape[0])


def _batch_of(side: ImageSide, said: Any) -> int:
    """Return how many photos go in at once: one where the file was exported so, else what pays."""
    fixed = said if isinstance(said, int) and said > 0 else side.batch
    if fixed is not None and fixed > 1:
        raise ManifestError(f"{side.weights} takes {fixed} photos at once and no fewer; export it with a free batch.")
    return fixed or _BATCH
