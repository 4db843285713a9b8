"""Image encoders that are ONNX files: any model folder with a `model.json` as `feira.core.encoders.manifest` reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from feira.core.encoders.manifest import ModelManifest, read_manifest
from feira.core.encoders.rows import unit_rows
from feira.core.errors import EncoderError, ManifestError
from feira.core.types import Matrix, Pixels

# Larger batches gain nothing on a CPU and only cost memory.
_BATCH = 8


class OnnxEncoder:
    """Runs a model folder's ONNX file with onnxruntime on the CPU, in float32.

    Args:
        folder: holds `model.json` and the files it lists, whose checksums are verified.
        threads: cores one call may use. Several threads may call at once; each then uses that many.

    Raises:
        ManifestError: the folder is incomplete or altered, or the model is not what its manifest says.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._manifest = read_manifest(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for key, value in self._manifest.session_config.items():
            options.add_session_config_entry(key, value)
        try:
            self._session = onnxruntime.InferenceSession(
                self._manifest.weights, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's own exceptions share no base class
            raise ManifestError(f"{self._manifest.weights} cannot be loaded: {error}") from error
        self._check_names()
        manifest = self._manifest
        self._mean = np.array(manifest.mean, dtype=np.float32)
        self._std = np.array(manifest.std, dtype=np.float32)

    @property
    def encoder_id(self) -> str:
        """Name and checksum of the weights, as in `mobilenet_v2_1.0_224@d9cb3c82`."""
        return self._manifest.encoder_id

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return self._manifest.dim

    @property
    def input_size(self) -> int:
        """Shorter side below which a larger photo need not be decoded."""
        return self._manifest.input_size

    @property
    def manifest(self) -> ModelManifest:
        """What the model folder says of itself."""
        return self._manifest

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        parts = [self._run(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def _run(self, images: Sequence[Pixels]) -> Matrix:
        batch = np.stack([self._prepared(image) for image in images])
        try:
            (rows,) = self._session.run([self._manifest.output_name], {self._manifest.input_name: batch})
        except Exception as error:  # the runtime's own exceptions share no base class
            raise EncoderError(f"The model {self.encoder_id} failed on {len(images)} images: {error}") from error
        return unit_rows(np.asarray(rows), count=len(images), dim=self.dim, encoder_id=self.encoder_id)

    def _prepared(self, image: Pixels) -> Matrix:
        """Cut the centre square, bring it to the model's size and range; float32, shape (3, size, size)."""
        height, width = image.shape[:2]
        side, size = min(height, width), self.input_size
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(np.ascontiguousarray(image[top : top + side, left : left + side]))
        pixels = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
        prepared: Matrix = ((pixels - self._mean) / self._std).transpose(2, 0, 1)
        return prepared

    def _check_names(self) -> None:
        """Compare the names in the manifest with those in the ONNX file, before the first photo does."""
        inputs = [node.name for node in self._session.get_inputs()]
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        manifest = self._manifest
        if inputs != [manifest.input_name]:
            raise ManifestError(f"{manifest.weights} takes {inputs}, its manifest says {manifest.input_name!r}.")
        if manifest.output_name not in outputs:
            raise ManifestError(f"{manifest.weights} gives {list(outputs)}, but no {manifest.output_name!r}.")
        length = outputs[manifest.output_name][-1]
        if isinstance(length, int) and length != manifest.dim:
            raise ManifestError(f"{manifest.weights} gives {length} numbers, its manifest says {manifest.dim}.")
