"""The words' side of an encoder that only knows pictures: text vectors, and what leads from them to pictures.

What leads there is, the best first: the bridge that the shop learned from its own photos and titles, the one that came
with the encoder, the names of the classes that the encoder's classifier knows. A dual encoder needs none of this.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, Protocol

from feira.core.encoders.class_names import ClassDirections, ClassNames
from feira.core.encoders.classifier import directions_of
from feira.core.encoders.heads import HEADS_NAME, Heads
from feira.core.encoders.onnx import OnnxEncoder
from feira.core.encoders.protocol import Encoder, TextEmbedder
from feira.core.encoders.sentence import SentenceEncoder
from feira.core.encoders.words.encoder import NAME, builtin_words
from feira.core.errors import FeiraError, ManifestError, Misconfigured, NoTextSide
from feira.core.learning.bridge import Bridge, fit_bridge
from feira.core.learning.packing import PackCorrupt
from feira.core.learning.priors import files_of, prior_between, read_prior
from feira.core.types import Matrix
from feira.engine.database import LogUnavailable
from feira.engine.parts import LearnedParts, OpenParts

OpenEmbedder = Callable[[], TextEmbedder]

BUILTIN_TEXT_MODEL: Final = NAME
PART: Final = "bridge"

logger = logging.getLogger(__name__)


class _Way(Protocol):
    """Leads from text vectors to queries among an encoder's pictures."""

    def to_image_space(self, texts: Matrix) -> Matrix:
        """Return one unit-length float32 row per text vector."""


class TextSide:
    """Turns words into text vectors, and those into queries that an image index answers.

    Methods may be called from several threads. All but the properties may wait for the database or for a model to load,
    and keep off the event loop.

    Args:
        encoder_id, dim: of the image encoder whose space the queries are in.
        open_embedder: returns the text encoder; may raise `FeiraError`, and is then asked again later.
        open_parts: a new reader of what the shop has learned.
        prior: packed sums over pairs that came with the encoder; None when none did.
        find_directions: returns where the classes of the encoder lie, None when it knows none; asked only where
            nothing better leads from words to pictures, for it may take half a second.
    """

    def __init__(
        self,
        encoder_id: str,
        dim: int,
        *,
        open_embedder: OpenEmbedder,
        open_parts: OpenParts,
        prior: bytes | None = None,
        find_directions: Callable[[], ClassDirections | None] = lambda: None,
    ) -> None:
        self._encoder_id, self._dim = encoder_id, dim
        self._open_embedder, self._open_parts = open_embedder, open_parts
        self._prior, self._find_directions = prior, find_directions
        self._lock = threading.Lock()
        self._parts: LearnedParts | None = None
        self._has_looked = False
        self._default: tuple[str, _Way | None] | None = None
        self._learned: tuple[int, Bridge | None] | None = None
        self._way: _Way | None = None
        self._version = ""

    @property
    def text_id(self) -> str:
        """Which text encoder makes the text vectors; empty when there is none."""
        try:
            return self._open_embedder().text_id
        except FeiraError:
            return ""

    @property
    def version(self) -> str:
        """Changes whenever the same words may give other queries; what was remembered before is forgotten then.

        As of the last look at what the shop has learned: asking takes no time, also while a look is under way.
        """
        return self._version

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text in the image encoder's space, shape (n, dim).

        Rows are of unit length; a text that says nothing (no letter, digit or pictograph) gives a row of zeros.

        Raises:
            NoTextSide: nothing is known that leads from words to this encoder's pictures.
        """
        vectors = self.embed(texts)
        if not self._has_looked:
            self.refresh()
        way = self._way
        if way is None:
            raise NoTextSide(
                f"{self._encoder_id} cannot be asked in words yet: it brought no bridge, and the shop has taught none. "
                "`feira train align` fits one to the titles of photos.",
                encoder_id=self._encoder_id,
            )
        return way.to_image_space(vectors)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text in the text encoder's own space, shape (n, text_dim); see `TextEmbedder`.

        Raises:
            NoTextSide: there is no text encoder.
        """
        try:
            embedder = self._open_embedder()
        except FeiraError as error:
            raise NoTextSide(f"No text encoder can be used: {error.message}", encoder_id=self._encoder_id) from error
        return embedder.embed_texts(texts)

    def refresh(self) -> None:
        """Look at what the shop has learned: what is asked from now on is answered by that. Reads the database."""
        with self._lock:
            self._refresh()
            self._has_looked = True

    def close(self) -> None:
        """Let go of the connection to the database; another look opens it again."""
        with self._lock:
            if self._parts is not None:
                self._parts.close()

    # Below, the lock is held.

    def _refresh(self) -> None:
        """Follow what the shop has learned; a database that is away leaves everything as it was."""
        try:
            embedder = self._open_embedder()
        except FeiraError:
            self._way, self._version = None, ""
            return
        with suppress(LogUnavailable):  # what is known stays in force
            self._follow(embedder.text_id)
        if self._learned is not None and self._learned[1] is not None:
            self._way, self._version = self._learned[1], f"{embedder.text_id} {self._learned[0]}"
            return
        if self._default is None or self._default[0] != embedder.text_id:
            self._default = embedder.text_id, self._default_way(embedder)
        self._way, self._version = self._default[1], f"{embedder.text_id} default"

    def _follow(self, text_id: str) -> None:
        """Read the live bridge when it is another than the one that is known.

        Raises:
            LogUnavailable: the database cannot be read now.
        """
        if self._parts is None:
            self._parts = self._open_parts()
        version = self._parts.version(PART, self._encoder_id)
        if version is None:
            self._learned = None
        elif self._learned is None or self._learned[0] != version:
            part = self._parts.read(PART, self._encoder_id)
            self._learned = None if part is None else (part.version, self._usable(part.content, text_id))

    def _usable(self, content: bytes, text_id: str) -> Bridge | None:
        try:
            bridge = Bridge.unpack(content)
        except PackCorrupt as error:
            logger.warning("The learned bridge of %s is not used: %s", self._encoder_id, error)
            return None
        if (bridge.encoder_id, bridge.text_id, len(bridge.matrix)) != (self._encoder_id, text_id, self._dim):
            logger.warning(
                "The learned bridge of %s leads from %s to %s and is not used; words come from %s now. "
                "Fit another with `feira train align`.",
                self._encoder_id,
                bridge.text_id,
                bridge.encoder_id,
                text_id,
            )
            return None
        return bridge

    def _default_way(self, embedder: TextEmbedder) -> _Way | None:
        prior = prior_between(self._prior, encoder_id=self._encoder_id, text_id=embedder.text_id)
        if prior is not None:
            return fit_bridge(prior, encoder_id=self._encoder_id, text_id=embedder.text_id)
        directions = self._find_directions()
        return ClassNames(directions, embedder) if directions is not None and directions.names else None


def text_side_of(
    encoder: Encoder, name: str, *, models_dir: Path, open_embedder: OpenEmbedder, open_parts: OpenParts
) -> TextSide:
    """Return the words' side of an encoder, with what lies among its files.

    That is `bridge.npz`, the heads in `heads.npz`, or the classifier in the ONNX file of the model, if anything.

    Args:
        name: of the encoder in the registry.
    """
    return TextSide(
        encoder.encoder_id,
        encoder.dim,
        open_embedder=open_embedder,
        open_parts=open_parts,
        prior=read_prior(name, models_dir=models_dir),
        find_directions=partial(_directions, files_of(name, models_dir=models_dir), encoder),
    )


def _directions(folder: Path, encoder: Encoder) -> ClassDirections | None:
    """Return the classes of the heads that were trained for an encoder, else those of its own classifier."""
    if (folder / HEADS_NAME).is_file():
        try:
            heads = Heads.open(folder / HEADS_NAME)
        except ManifestError as error:
            logger.warning("The class names of %s are not used: %s", encoder.encoder_id, error)
        else:
            if heads.encoder_id == encoder.encoder_id:
                return ClassDirections.of_heads(heads)
    side = encoder.manifest.image if isinstance(encoder, OnnxEncoder) else None
    return directions_of(side) if side is not None else None


def open_text_model(name: str, *, models_dir: Path, threads: int = 1) -> TextEmbedder:
    """Return the text encoder of this name, one for the whole process.

    Args:
        name: `words-v1`, which is built in, or the name of a folder in `models_dir`.

    Raises:
        Misconfigured: there is none of this name.
        ManifestError: its files are incomplete or altered, or it is no model of texts alone.
    """
    return _opened(name or BUILTIN_TEXT_MODEL, models_dir, threads)


@lru_cache(maxsize=4)
def _opened(name: str, models_dir: Path, threads: int) -> TextEmbedder:
    if name == BUILTIN_TEXT_MODEL:
        return builtin_words()
    if Path(name).name != name or not (models_dir / name).is_dir():
        raise Misconfigured(
            f"There is no text model named {name!r} in {models_dir}. FEIRA_TEXT_MODEL names a folder there, "
            f"or {BUILTIN_TEXT_MODEL}, which is built in."
        )
    return SentenceEncoder(models_dir / name, threads=threads)
