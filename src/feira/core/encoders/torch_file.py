"""Image encoders that are PyTorch files: exported programs (`.pt2`) and TorchScript, with a manifest beside them.

Importing this module imports PyTorch, which is an extra. Loading such a file may run code that it carries: take it only
from whom you would take a program.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from feira.core.encoders.manifest import ModelManifest, read_manifest
from feira.core.encoders.rows import unit_rows
from feira.core.encoders.sessions import Device
from feira.core.encoders.sides import pooled
from feira.core.errors import EncoderError, ManifestError, Misconfigured
from feira.core.types import Matrix, Pixels

_BATCH: Final = 8
_EXPORTED: Final = ".pt2"


class TorchEncoder:
    """Runs the image side of a model folder with PyTorch.

    Args:
        folder: holds `model.json` and the files it lists; or what was read of it.
        threads: cores PyTorch may use; it knows one number for the whole process, and the last one given counts.
        device: `auto` takes a GPU where there is one.

    Raises:
        ManifestError: the folder is incomplete or altered, or the file cannot be loaded.
        Misconfigured: `cuda` is asked for and there is none.
    """

    def __init__(self, folder: Path | ModelManifest, *, threads: int = 1, device: Device = "auto") -> None:
        self._manifest = folder if isinstance(folder, ModelManifest) else read_manifest(folder)
        side = self._manifest.image
        if side is None or self._manifest.text is not None:
            raise ManifestError(f"{self._manifest.folder}: a PyTorch file has an image side and no text side.")
        self._side = side
        self._device = torch_device(device)
        torch.set_num_threads(threads)
        self._network = load_network(side.weights).to(self._device)

    @property
    def encoder_id(self) -> str:
        """Name and checksum of the weights."""
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
    def network(self) -> torch.nn.Module:
        """What is run; for the export."""
        return self._network

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        size = self._side.batch or _BATCH
        parts = [self._encoded(images[start : start + size]) for start in range(0, len(images), size)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), dtype=np.float32)

    def _encoded(self, images: Sequence[Pixels]) -> Matrix:
        batch = torch.from_numpy(self._side.pixels.prepare(images)).to(self._device)
        try:
            with torch.inference_mode():
                answer = self._network(batch)
        except Exception as error:  # whatever the model's own code raises
            raise EncoderError(f"The model {self.encoder_id} failed on {len(images)} images: {error}") from error
        rows = pooled(named_output(answer, self._side.output_name), self._side.pool)
        return unit_rows(rows, count=len(images), dim=self.dim, encoder_id=self.encoder_id)


def named_output(answer: Any, name: str) -> NDArray[Any]:
    """Return the output of this name of a mapping, the only or first one of anything else."""
    if isinstance(answer, dict):
        answer = answer.get(name, next(iter(answer.values())))
    elif isinstance(answer, tuple | list):
        answer = answer[0]
    if not isinstance(answer, torch.Tensor):
        raise EncoderError(f"The model answered with a {type(answer).__name__}; expected a tensor named {name}.")
    return answer.detach().cpu().numpy()


def torch_device(device: Device) -> torch.device:
    """Return PyTorch's device; `auto` takes a GPU where there is one.

    Raises:
        Misconfigured: `cuda` is asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise Misconfigured("PyTorch finds no GPU here. Choose the device cpu or auto.")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def load_network(weights: Path) -> torch.nn.Module:
    """Return the network in a `.pt2` or TorchScript file, for inference.

    Raises:
        ManifestError: it is neither.
    """
    try:
        if weights.suffix == _EXPORTED:
            return torch.export.load(weights).module()
        with warnings.catch_warnings():
            # TorchScript is on its way out; the files that people have are not.
            warnings.simplefilter("ignore", DeprecationWarning)
            script: torch.nn.Module = torch.jit.load(weights, map_location="cpu")  # type: ignore[no-untyped-call]
        return script.eval()
    except Exception as error:  # PyTorch raises whatever its readers do
        raise ManifestError(f"{weights} cannot be loaded by PyTorch {torch.__version__}: {error}") from error
