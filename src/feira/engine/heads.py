"""The classifiers of one encoder: those that came with it, and those that the shop taught, which go before them.

A head that the shop taught takes the place of the one of the same name, whole: two fits that know nothing of each
other cannot share one confidence. Heads of other names stay beside it, so that a shop that teaches its categories goes
on seeing colours. When nothing learned is live any more, the encoder's own heads answer again.
"""

import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from feira.core.encoders.heads import HEADS_NAME, Heads
from feira.core.encoders.protocol import Encoder
from feira.core.errors import ManifestError
from feira.core.learning.priors import files_of
from feira.engine.database import LogUnavailable
from feira.engine.parts import LearnedParts, OpenParts

PART: Final = "heads"

logger = logging.getLogger(__name__)


class InForce(NamedTuple):
    """What classifies now; `version` is that of the learned part in it, 0 for none. One value, so that it is whole."""

    version: int
    heads: Heads | None


class FollowedHeads:
    """The heads in force for one encoder. Methods may be called from several threads.

    Args:
        shipped: those that came with the encoder; None when none did.
        open_parts: a new reader of what the shop has learned.
    """

    def __init__(self, encoder_id: str, dim: int, *, shipped: Heads | None, open_parts: OpenParts) -> None:
        self._encoder_id, self._dim, self._shipped = encoder_id, dim, shipped
        self._open_parts = open_parts
        self._parts: LearnedParts | None = None
        self._lock = threading.Lock()
        self._looked_at: int | None = None
        self._learned: tuple[int, Heads] | None = None
        self._in_force = InForce(0, shipped)

    def in_force(self) -> InForce:
        """Return what classifies, as of the last look; takes no time."""
        return self._in_force

    def refresh(self) -> None:
        """Look at what the shop has learned; a database that is away leaves everything as it was."""
        with self._lock, suppress(LogUnavailable):
            if self._parts is None:
                self._parts = self._open_parts()
            version = self._parts.version(PART, self._encoder_id)
            if version == self._looked_at:
                return
            part = self._parts.read(PART, self._encoder_id) if version is not None else None
            learned = self._usable(part.content) if part is not None else None
            self._learned = (part.version, learned) if part is not None and learned is not None else None
            self._looked_at = part.version if part is not None else None
            self._put_in_force()
            logger.info("Heads of %s: version %d.", self._encoder_id, self._in_force.version)

    def ship(self, shipped: Heads | None) -> None:
        """Let other heads than before be the encoder's own, as after its folder was read again."""
        with self._lock:
            self._shipped = shipped
            self._put_in_force()

    def _put_in_force(self) -> None:
        if self._learned is None:
            self._in_force = InForce(0, self._shipped)
            return
        version, learned = self._learned
        below = self._shipped.by_name if self._shipped is not None else {}
        self._in_force = InForce(version, Heads(self._encoder_id, {**below, **learned.by_name}))

    def close(self) -> None:
        """Let go of the connection to the database; another look opens it again."""
        with self._lock:
            if self._parts is not None:
                self._parts.close()

    def _usable(self, content: bytes) -> Heads | None:
        try:
            heads = Heads.unpack(content)
        except ManifestError as error:
            logger.warning("The learned heads of %s are not used: %s", self._encoder_id, error)
            return None
        if heads.encoder_id != self._encoder_id or heads.dim not in {0, self._dim}:
            logger.warning(
                "The learned heads of %s read %s and are not used. Teach others with `feira train classifier`.",
                self._encoder_id,
                heads.encoder_id,
            )
            return None
        return heads


def heads_of(encoder: Encoder, name: str, *, models_dir: Path) -> Heads | None:
    """Return the classifiers that lie among an encoder's files; None when there are none that read its embeddings."""
    path = files_of(name, models_dir=models_dir) / HEADS_NAME
    if not path.is_file():
        return None
    try:
        heads = Heads.open(path)
    except ManifestError as error:
        logger.warning("The classifiers of %s are not used: %s", encoder.encoder_id, error)
        return None
    if heads.encoder_id != encoder.encoder_id or heads.dim not in {0, encoder.dim}:
        logger.warning("The classifiers in %s read %s, not %s.", path, heads.encoder_id, encoder.encoder_id)
        return None
    return heads
