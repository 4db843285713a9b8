"""The words' side of an encoder that only knows pictures."""

from collections.abc import Sequence

from feira.core.errors import NoTextSide
from feira.core.types import Matrix
from feira.engine.parts import OpenParts


class TextSide:
    """Turns words into text vectors, and those into queries that an image index answers.

    Methods may be called from several threads.

    Args:
        encoder_id, dim: of the image encoder whose space the queries are in.
        builtin_bridge: the bridge that came with the encoder; None when none did.
        open_parts: a new reader of what the shop has learned.
    """

    def __init__(self, encoder_id: str, dim: int, builtin_bridge: bytes | None, open_parts: OpenParts) -> None:
        self._encoder_id, self._dim = encoder_id, dim
        self._builtin_bridge, self._open_parts = builtin_bridge, open_parts

    @property
    def text_id(self) -> str:
        """Which text encoder makes the text vectors; empty when there is none."""
        return ""

    @property
    def version(self) -> str:
        """Changes whenever the same words may give other queries; what was remembered before is forgotten then."""
        return ""

    def encode_queries(self, texts: Sequence[str]) -> Matrix:  # noqa: ARG002
        """Return one unit-length float32 row per text in the image encoder's space, shape (n, dim).

        Raises:
            NoTextSide: nothing is known that leads from words to this encoder's pictures.
        """
        raise NoTextSide(f"{self._encoder_id} cannot be asked in words.", encoder_id=self._encoder_id)

    def embed(self, texts: Sequence[str]) -> Matrix:  # noqa: ARG002
        """Return one unit-length float32 row per text in the text encoder's own space, shape (n, text_dim).

        Raises:
            NoTextSide: there is no text encoder.
        """
        raise NoTextSide("No text encoder is installed.", encoder_id=self._encoder_id)
