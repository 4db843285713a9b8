"""Sentence encoders such as MiniLM: any model folder of texts alone, as a `TextEmbedder`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feira.core.encoders.manifest import ModelManifest, read_manifest
from feira.core.encoders.texts import OnnxTexts
from feira.core.errors import ManifestError
from feira.core.types import Matrix


class SentenceEncoder:
    """Runs a text model with onnxruntime; its vectors live in a space of their own.

    Args:
        folder: holds `model.json` and the files it lists, whose checksums are verified.
        threads: cores that one call may use.

    Raises:
        ManifestError: the folder is incomplete or altered, or the model takes pictures too (its words already lie in
            the space of its pictures) or no words.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        manifest = read_manifest(folder)
        if manifest.text is None or manifest.image is not None:
            raise ManifestError(f"{folder} holds no model of texts alone; FEIRA_TEXT_MODEL names one that does.")
        self._manifest, self._dim = manifest, manifest.text.dim
        self._texts = OnnxTexts(manifest.text, encoder_id=manifest.encoder_id, threads=threads)

    @property
    def text_id(self) -> str:
        """Name and checksum of the weights, as in `all-MiniLM-L6-v2@bdccdf2a`."""
        return self._manifest.encoder_id

    @property
    def text_dim(self) -> int:
        """Length of every vector."""
        return self._dim

    @property
    def manifest(self) -> ModelManifest:
        """What the model folder says of itself."""
        return self._manifest

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text, in order; see `TextEmbedder`.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        rows = np.zeros((len(texts), self._dim), dtype=np.float32)
        spoken = [place for place, text in enumerate(texts) if any(letter.isalnum() for letter in text)]
        rows[spoken] = self._texts.encode_texts([texts[place] for place in spoken])
        return rows
