"""The built-in text encoder: a table of word vectors, and pieces for every word it has never seen."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feira.core.encoders.words.tokens import bucket_of, pieces_of, words_of
from feira.core.errors import ManifestError
from feira.core.learning.packing import PackCorrupt, pack, unpack
from feira.core.types import Matrix

NAME: Final = "words-v1"
KIND: Final = "words 1"
FILE: Final = f"{NAME}.npz"
# Words outside of the table point a little way of their own too, so that two of them never coincide.
SIGNATURE: Final = 0.5
_SIGNS_PER_PIECE: Final = 4
_REMEMBERED: Final = 50_000

Floats = NDArray[np.float32]


class WordsEncoder:
    """Adds up the vectors of a text's words; a `TextEmbedder` that needs neither a model file nor a runtime.

    A frequent word has a row of its own, whose length is how much the word counts. Any other word is the sum of its
    pieces of three to five letters, whose rows were trained to say the same as the words they come from, so that a typo
    lies near its word; a signature made from the pieces alone keeps words of unknown languages apart. The order of
    words does not count.

    Args:
        content: what `pack_words` returned.

    Raises:
        PackCorrupt: the bytes are something else.
    """

    def __init__(self, content: bytes) -> None:
        facts, arrays = unpack(content, KIND)
        try:
            words = arrays["words"].tobytes().decode().split("\n")
            self._codes, self._scales = arrays["codes"], arrays["scales"].astype(np.float32)
            self._dim, self._buckets = int(facts["dim"]), int(facts["buckets"])
        except (KeyError, ValueError) as error:
            raise PackCorrupt(f"The table of words is incomplete ({error}); train it again.") from error
        expected = (len(words) + self._buckets, (self._dim + 1) // 2)
        if self._codes.shape != expected or self._codes.dtype != np.uint8 or self._scales.shape != expected[:1]:
            raise PackCorrupt(f"The table of words has shape {self._codes.shape}, not {expected}; train it again.")
        self._places = {word: place for place, word in enumerate(words)}
        self._text_id = f"{NAME}@{hashlib.sha256(content).hexdigest()[:8]}"
        self._known: dict[str, Floats] = {}

    @property
    def text_id(self) -> str:
        """Name and checksum of the table, as in `words-v1@1a2b3c4d`."""
        return self._text_id

    @property
    def text_dim(self) -> int:
        """Length of every vector."""
        return self._dim

    @property
    def vocabulary(self) -> int:
        """How many words have a row of their own."""
        return len(self._places)

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text, in order; see `TextEmbedder`."""
        rows = np.zeros((len(texts), self._dim), dtype=np.float32)
        for place, text in enumerate(texts):
            for word in words_of(text):
                rows[place] += self.vector_of(word)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
        return unit

    def vector_of(self, word: str) -> Floats:
        """Return what one folded word adds to its text, shape (dim,); longer vectors count more."""
        vector = self._known.get(word)
        if vector is None:
            vector = self._computed(word)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[word] = vector
        return vector

    def _computed(self, word: str) -> Floats:
        place = self._places.get(word)
        if place is not None:
            row: Floats = self._rows([place])[0]
            return row
        pieces = pieces_of(word)
        buckets = [len(self._places) + bucket_of(piece, self._buckets) for piece in pieces]
        learned: Floats = self._rows(buckets).sum(axis=0) / np.sqrt(np.float32(len(pieces)))
        own = signature_of(pieces, self._dim)
        length = np.float32(SIGNATURE * float(np.linalg.norm(learned)))
        vector: Floats = learned + length * own
        return vector

    def _rows(self, places: Sequence[int]) -> Floats:
        return unpacked_rows(self._codes[places], self._scales[places], self._dim)


def signature_of(pieces: Sequence[str], dim: int) -> Floats:
    """Return a unit vector that depends on the pieces alone; words that share pieces share part of it."""
    vector = np.zeros(dim, dtype=np.float32)
    for piece in pieces:
        digest = hashlib.blake2b(piece.encode(), digest_size=4 * _SIGNS_PER_PIECE).digest()
        for start in range(0, len(digest), 4):
            number = int.from_bytes(digest[start : start + 4], "little")
            vector[(number >> 1) % dim] += 1.0 if number & 1 else -1.0
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length or 1.0)


def pack_words(words: Sequence[str], table: Floats, *, buckets: int, facts: dict[str, Any]) -> bytes:
    """Return the encoder's file: each row as whole numbers from −7 to 7, two to a byte, and its scale.

    Args:
        words: folded, each once.
        table: shape (words + buckets, dim), float32; the rows of the words first.
    """
    if len(table) != len(words) + buckets:
        raise ValueError(f"{len(table)} rows for {len(words)} words and {buckets} buckets.")
    codes, scales = packed_rows(table)
    arrays: dict[str, NDArray[Any]] = {
        "words": np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        "codes": codes,
        "scales": scales.astype(np.float16),
    }
    return pack(KIND, {**facts, "dim": table.shape[1], "buckets": buckets}, arrays)


def packed_rows(table: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Return four-bit codes, shape (n, ⌈dim / 2⌉), and a scale per row: of a few scales the one that errs least."""
    largest = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-8)
    best, codes, scales = np.full(len(table), np.inf), np.zeros(table.shape, np.int8), np.zeros(len(table), np.float32)
    for share in np.linspace(0.4, 1.0, 13, dtype=np.float32):
        # Rounded as it will be stored, so that the codes fit the scale that is read.
        scale = (largest * share / 7).astype(np.float16).astype(np.float32)
        scale = np.maximum(scale, np.float32(6e-8))
        tried = np.clip(np.rint(table / scale), -7, 7)
        error = ((tried * scale - table) ** 2).sum(axis=1)
        better = error < best
        best[better], codes[better], scales[better] = error[better], tried[better].astype(np.int8), scale[better, 0]
    shifted = np.full((len(table), 2 * ((table.shape[1] + 1) // 2)), 8, dtype=np.uint8)
    shifted[:, : table.shape[1]] += codes.astype(np.uint8)
    halves = (shifted[:, 0::2] & 15) | (shifted[:, 1::2] << 4)
    return halves.astype(np.uint8), scales


def unpacked_rows(codes: NDArray[np.uint8], scales: Floats, dim: int) -> Floats:
    """Return the rows of `packed_rows`, float32, shape (n, dim)."""
    numbers = np.empty((len(codes), 2 * codes.shape[1]), dtype=np.float32)
    numbers[:, 0::2], numbers[:, 1::2] = codes & 15, codes >> 4
    rows: Floats = (numbers[:, :dim] - 8) * scales[:, None]
    return rows


@cache
def builtin_words() -> WordsEncoder:
    """Return the encoder that ships with Feira, read once.

    Raises:
        ManifestError: the file is missing from this installation.
    """
    try:
        content = (files(__package__) / FILE).read_bytes()
    except OSError as error:
        raise ManifestError(f"{FILE} is missing from this installation of Feira; install it again.") from error
    return WordsEncoder(content)
