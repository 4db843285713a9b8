"""Sentence encoders that are ONNX files with a `tokenizer.json` beside them, such as MiniLM."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import tokenizers

from feira.core.encoders.manifest import MANIFEST_NAME
from feira.core.errors import EncoderError, ManifestError
from feira.core.types import Matrix

TASK: Final = "sentence embedding"
_WEIGHTS, _TOKENIZER, _OUTPUT = "model.onnx", "tokenizer.json", "sentence_embedding"
_INPUTS: Final = {"input_ids", "attention_mask"}
# Texts of like length share a batch, so that little is spent on padding.
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class SentenceManifest:
    """A sentence encoder's description, whose two files are what it says.

    Attributes:
        name: the model's name.
        weights, tokenizer: paths of the files, verified.
        weights_sha256: checksum of the weights.
        dim: length of a vector.
        session_config: entries for the runtime's session options.
    """

    name: str
    weights: Path
    tokenizer: Path
    weights_sha256: str
    dim: int
    session_config: dict[str, str]


def is_sentence_model(folder: Path) -> bool:
    """Whether the folder's `model.json` says that it holds a sentence encoder; an unreadable one does not."""
    try:
        facts = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and str(facts.get("task", "")).startswith(TASK)


def read_sentence_manifest(folder: Path) -> SentenceManifest:
    """Read the description and check both files against their SHA-256.

    Raises:
        ManifestError: the folder is incomplete, a file was altered, or it describes no sentence encoder.
    """
    path = folder / MANIFEST_NAME
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path} cannot be read ({error.strerror}); a model folder holds one.") from error
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON ({error}); restore it from where the model came from.") from error
    try:
        name, shape = facts["name"], facts["outputs"][_OUTPUT]["shape"]
        checksums = {file: str(facts["files"][file]["sha256"]) for file in (_WEIGHTS, _TOKENIZER)}
        config = facts.get("onnxruntime_session_config", {})
        described = str(facts["task"]).startswith(TASK) and len(shape) == 2 and type(shape[1]) is int and shape[1] > 0
        settings = {str(key): str(value) for key, value in config.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{path} lacks {error}; a sentence encoder says name, task, files and outputs.{_OUTPUT}.shape."
        ) from error
    if not described:
        raise ManifestError(f"{path} describes no sentence encoder of a stated length.")
    for file, expected in checksums.items():
        _verify(folder / file, expected)
    return SentenceManifest(
        name=str(name),
        weights=folder / _WEIGHTS,
        tokenizer=folder / _TOKENIZER,
        weights_sha256=checksums[_WEIGHTS],
        dim=shape[1],
        session_config=settings,
    )


class SentenceEncoder:
    """Runs a sentence encoder with onnxruntime on the CPU; a `TextEmbedder`.

    Args:
        folder: holds `model.json`, `model.onnx` and `tokenizer.json`, whose checksums are verified.
        threads: cores that one call may use.

    Raises:
        ManifestError: the folder is incomplete or altered, or the model is not what its manifest says.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._manifest = manifest = read_sentence_manifest(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for key, value in manifest.session_config.items():
            options.add_session_config_entry(key, value)
        try:
            self._session = onnxruntime.InferenceSession(
                manifest.weights, sess_options=options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = tokenizers.Tokenizer.from_file(str(manifest.tokenizer))
        except Exception as error:  # neither library's exceptions share a base class
            raise ManifestError(f"The model in {folder} cannot be loaded: {error}") from error
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if inputs != _INPUTS or _OUTPUT not in outputs:
            raise ManifestError(f"{manifest.weights} takes {sorted(inputs)} and gives {sorted(outputs)}.")

    @property
    def text_id(self) -> str:
        """Name and checksum of the weights, as in `all-MiniLM-L6-v2@bdccdf2a`."""
        return f"{self._manifest.name}@{self._manifest.weights_sha256[:8]}"

    @property
    def text_dim(self) -> int:
        """Length of every vector."""
        return self._manifest.dim

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text, in order; see `TextEmbedder`.

        Raises:
            EncoderError: the model answered with NaN or the wrong shape, or not at all.
        """
        rows = np.zeros((len(texts), self.text_dim), dtype=np.float32)
        spoken = [place for place, text in enumerate(texts) if text.strip()]
        encodings = {place: self._tokenizer.encode(texts[place]) for place in spoken}
        spoken.sort(key=lambda place: int(np.sum(encodings[place].attention_mask)))
        for start in range(0, len(spoken), _BATCH):
            places = spoken[start : start + _BATCH]
            rows[places] = self._run([texts[place] for place in places])
        return rows

    def _run(self, texts: Sequence[str]) -> Matrix:
        encodings = self._tokenizer.encode_batch(list(texts))
        feeds = {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
        }
        try:
            (answer,) = self._session.run([_OUTPUT], feeds)
        except Exception as error:  # the runtime's own exceptions share no base class
            raise EncoderError(f"The model {self.text_id} failed on {len(texts)} texts: {error}") from error
        rows = np.asarray(answer, dtype=np.float64)
        lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
        if rows.shape != (len(texts), self.text_dim) or not (np.isfinite(lengths) & (lengths > 0)).all():
            raise EncoderError(f"{self.text_id} answered with shape {rows.shape} or with what is no number.")
        unit: Matrix = (rows / lengths).astype(np.float32)
        return unit


def _verify(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ManifestError(f"{path} is listed in {MANIFEST_NAME} but cannot be read.", file=path.name) from error
    if found != expected:
        raise ManifestError(
            f"{path} has SHA-256 {found[:12]}…, {MANIFEST_NAME} says {expected[:12]}…; fetch the model again.",
            file=path.name,
        )
