"""Words to vectors with an ONNX file and its tokenizer: the text side of dual encoders."""

import re
import string
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnxruntime
import tokenizers
from numpy.typing import NDArray

from feira.core.encoders.rows import unit_rows
from feira.core.encoders.sessions import RETURN_MEMORY, Device, open_session
from feira.core.encoders.sides import Clean, TextSide, pooled
from feira.core.errors import EncoderError, ManifestError
from feira.core.types import Matrix

_BATCH: Final = 32
# No token of any vocabulary is longer; what lies beyond would be cut after it was tokenised, at the sender's leisure.
_LONGEST_TOKEN: Final = 32
_DTYPES: Final = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


class OnnxTexts:
    """Runs the text side of a model folder; safe to call from several threads.

    Args:
        side: as the manifest describes it.
        encoder_id: for messages.
        threads: cores that one call may use.

    Raises:
        ManifestError: the files cannot be loaded, or are not what the manifest says.
    """

    def __init__(self, side: TextSide, *, encoder_id: str, threads: int = 1, device: Device = "auto") -> None:
        self._side, self._encoder_id = side, encoder_id
        self._session = open_session(side.weights, threads=threads, settings=side.settings, device=device)
        self._run_options = onnxruntime.RunOptions()
        if self._session.get_providers() == ["CPUExecutionProvider"]:
            self._run_options.add_run_config_entry(*RETURN_MEMORY)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(side.tokenizer))
        except Exception as error:  # the library's own exceptions share no base class
            raise ManifestError(f"{side.tokenizer} cannot be loaded: {error}") from error
        self._check_names()
        self._tokenizer.enable_truncation(side.max_tokens)
        length = side.max_tokens if side.padding == "max" else None
        self._tokenizer.enable_padding(pad_id=side.pad_id, pad_token=side.pad_token, length=length)

    @property
    def encoder_id(self) -> str:
        """As it was given."""
        return self._encoder_id

    @property
    def dim(self) -> int:
        """Length of every row."""
        return self._side.dim

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text, in order; `(0, dim)` for no texts.

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape, or not at all.
        """
        rows = np.empty((len(texts), self._side.dim), dtype=np.float32)
        most = self._side.max_tokens * _LONGEST_TOKEN
        cleaned = [clean_text(text[:most], self._side.clean) for text in texts]
        # Texts of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(texts)), key=lambda place: len(cleaned[place]))
        for start in range(0, len(order), self._batch):
            places = order[start : start + self._batch]
            rows[places] = self._run([cleaned[place] for place in places])
        return rows

    def _run(self, texts: Sequence[str]) -> Matrix:
        side = self._side
        encodings = self._tokenizer.encode_batch(list(texts))
        mask = np.array([encoding.attention_mask for encoding in encodings])
        feeds: dict[str, NDArray[Any]] = {side.ids_name: np.array([encoding.ids for encoding in encodings])}
        if side.mask_name:
            feeds[side.mask_name] = mask
        if side.types_name:
            feeds[side.types_name] = np.array([encoding.type_ids for encoding in encodings])
        feeds = {name: values.astype(self._dtypes[name]) for name, values in feeds.items()}
        try:
            (answer,) = self._session.run([side.output_name], feeds, self._run_options)
        except Exception as error:  # the runtime's own exceptions share no base class
            raise EncoderError(f"The model {self._encoder_id} failed on {len(texts)} texts: {error}") from error
        rows = pooled(np.asarray(answer), side.pool, mask)
        return unit_rows(rows, count=len(texts), dim=side.dim, encoder_id=self._encoder_id)

    def _check_names(self) -> None:
        """Compare the names in the manifest with those in the ONNX file, before the first text does."""
        side = self._side
        nodes = self._session.get_inputs()
        inputs = {node.name: node.type for node in nodes}
        outputs = [node.name for node in self._session.get_outputs()]
        named = {name for name in (side.ids_name, side.mask_name, side.types_name) if name}
        if set(inputs) != named:
            raise ManifestError(f"{side.weights} takes {sorted(inputs)}, its manifest says {sorted(named)}.")
        if side.output_name not in outputs:
            raise ManifestError(f"{side.weights} gives {outputs}, but no {side.output_name!r}.")
        other = {kind for kind in inputs.values() if kind not in _DTYPES}
        if other:
            raise ManifestError(f"{side.weights} takes {sorted(other)}; texts go in as whole numbers.")
        fixed = {node.shape[0] for node in nodes if isinstance(node.shape[0], int)}
        if fixed - {1}:
            raise ManifestError(f"{side.weights} takes {fixed.pop()} texts at once and no fewer; export it anew.")
        self._batch = 1 if fixed else _BATCH
        self._dtypes = {name: _DTYPES[kind] for name, kind in inputs.items()}


def clean_text(text: str, clean: Clean) -> str:
    """Return the text as the model wants to read it.

    >>> clean_text("  A Red_Dress, please! ", "canonical"), clean_text(" A  Dress", "lower")
    ('a red dress please', ' a  dress')
    """
    if clean == "none":
        return text
    if clean == "lower":
        return text.lower()
    return re.sub(r"\s+", " ", text.replace("_", " ").translate(_NO_PUNCTUATION).lower()).strip()
