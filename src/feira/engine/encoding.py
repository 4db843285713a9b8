"""Photos and words on their way to rows, as one encoder sees them."""

import hashlib
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from feira.core.encoders.protocol import Encoder
from feira.core.errors import EncoderError, InvalidImage
from feira.core.images.decode import decode_for_encoder
from feira.core.types import Matrix, Pixels, Vector
from feira.engine.remembering import RememberingEncoding


class PhotoEncoding(RememberingEncoding[bytes]):
    """Encodes photos; an embedding is remembered by the SHA-256 of its photo's bytes.

    An item may fail with `InvalidImage`, whose `facts["position"]` says which it was, or with `EncoderError`.
    """

    def __init__(self, encoder: Encoder, **terms: Any) -> None:
        self._encoder = encoder
        super().__init__(dim=encoder.dim, what="photos", **terms)

    def replace(self, encoder: Encoder) -> None:
        """Let another copy of the same encoder do the work from the next batch on."""
        self._encoder = encoder

    def _key(self, item: bytes) -> Hashable:
        return hashlib.sha256(item).digest()

    def _run_batch(self, items: Sequence[bytes]) -> list[Vector | Exception]:
        answers: list[Vector | Exception] = []
        pixels: list[Pixels] = []
        places: list[int] = []
        started = time.perf_counter()
        encoder = self._encoder
        for place, content in enumerate(items):
            try:
                pixels.append(decode_for_encoder(content, encoder.input_size))
                places.append(place)
                answers.append(_PENDING)
            except Exception as error:  # noqa: BLE001  (hostile bytes find odd ways to fail; it is their sender's)
                answers.append(error)
        decoded = time.perf_counter()
        self._metrics.decode_seconds.observe(decoded - started)
        for place, answer in zip(places, self._encoded(encoder, pixels), strict=True):
            answers[place] = answer
        self._metrics.encode_seconds.observe(time.perf_counter() - decoded)
        self._metrics.encoded.inc(len(places))
        return answers

    def _encoded(self, encoder: Encoder, pixels: Sequence[Pixels]) -> list[Vector | Exception]:
        if not pixels:
            return []
        try:
            # Copies, so that a remembered row does not keep its whole batch in memory.
            return [row.copy() for row in encoder.encode_images(pixels)]
        except EncoderError as error:
            if len(pixels) == 1:
                return [error]
            return [answer for one in pixels for answer in self._encoded(encoder, [one])]

    def _placed(self, error: BaseException, position: int) -> BaseException:
        if isinstance(error, InvalidImage):
            facts = {name: value for name, value in error.facts.items() if name != "reason"}
            return InvalidImage(error.message, **{**facts, "reason": error.reason, "position": position})
        return error


class TextEncoding(RememberingEncoding[str]):
    """Encodes words with a function that takes several texts; a row is remembered by its text.

    Args:
        run: one unit-length float32 row per text.
        version: what `run` depends on; rows of another version are not remembered any longer.
    """

    def __init__(
        self, run: Callable[[Sequence[str]], Matrix], *, version: Callable[[], str] = lambda: "", **terms: Any
    ) -> None:
        self._run, self._version = run, version
        super().__init__(what="texts", **terms)

    def _key(self, item: str) -> Hashable:
        return self._version(), item

    def _run_batch(self, items: Sequence[str]) -> list[Vector | Exception]:
        started = time.perf_counter()
        rows = self._run(items)
        self._metrics.encode_seconds.observe(time.perf_counter() - started)
        self._metrics.encoded.inc(len(rows))
        return [row.copy() for row in rows]


_PENDING = EncoderError("The photo was decoded but not encoded. This is a fault of the engine; see its log.")
