"""What an encoder promises: pixels (and sometimes words) in, unit vectors out."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from feira.core.types import Matrix, Pixels


@runtime_checkable
class Encoder(Protocol):
    """Turns images into embeddings.

    Two encoders whose embeddings may be compared have the same `encoder_id`; change the weights, the preprocessing or
    the arithmetic and the id changes too. Implementations are safe to call from several threads.
    """

    @property
    def encoder_id(self) -> str:
        """Stable name and content, as in `descriptors-v1` or `mobilenet_v2_1.0_224@d9cb3c82`."""

    @property
    def dim(self) -> int:
        """Length of every embedding."""

    @property
    def input_size(self) -> int:
        """Shorter side, in pixels, below which a larger photo need not be decoded for this encoder."""

    def encode_images(self, images: Sequence[Pixels]) -> Matrix:
        """Return one unit-length float32 row per image, in order; `(0, dim)` for no images.

        Args:
            images: uint8 sRGB arrays of any size, shape (height, width, 3).

        Raises:
            EncoderError: the model answered with zeros, NaN or the wrong shape.
        """


@runtime_checkable
class TextEncoder(Protocol):
    """The text side of a dual encoder: words meet pictures in one space."""

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one unit-length float32 row per text, comparable with `encode_images` of the same encoder."""


@runtime_checkable
class TextEmbedder(Protocol):
    """Turns texts into vectors of their own space, which a bridge then brings to where pictures are.

    Two embedders whose vectors may be compared have the same `text_id`. Implementations are safe to call from several
    threads.
    """

    @property
    def text_id(self) -> str:
        """Stable name and content, as in `words-v1@1a2b3c4d`."""

    @property
    def text_dim(self) -> int:
        """Length of every vector."""

    def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """Return one float32 row per text, in order; `(0, text_dim)` for no texts.

        Rows have unit length, except that a text without a single letter, digit or symbol is a row of zeros: it says
        nothing, and nothing is like it.
        """
