"""Dual encoders (CLIP, SigLIP and their like): pictures and words in one space."""

from collections.abc import Sequence
from pathlib import Path

from feira.core.encoders.manifest import ModelManifest, read_manifest
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.sessions import Device
from feira.core.encoders.texts import OnnxTexts
from feira.core.errors import ManifestError
from feira.core.types import Matrix


class DualEncoder(OnnxEncoder):
    """Runs both sides of a model folder whose manifest has `input` and `text`: an `Encoder` and a `TextEncoder`.

    Raises:
        ManifestError: the folder is incomplete or altered, a side is missing, or a model is not what is said of it.
    """

    def __init__(self, folder: Path | ModelManifest, *, threads: int = 1, device: Device = "auto") -> None:
        manifest = folder if isinstance(folder, ModelManifest) else read_manifest(folder)
        super().__init__(manifest, threads=threads, device=device)
        if manifest.text is None:
            raise ManifestError(f"{manifest.folder} holds no text side; open it as an encoder of pictures.", key="text")
        self._texts = OnnxTexts(manifest.text, encoder_id=manifest.encoder_id, threads=threads, device=device)

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text, comparable with `encode_images`; `(0, dim)` for no texts.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        return self._texts.encode_texts(texts)
