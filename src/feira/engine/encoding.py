"""From photo bytes to embeddings: remembered ones at once, the others through the batcher."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from feira.core.encoders.protocol import Encoder
from feira.core.errors import EncoderError, InvalidImage
from feira.core.images.decode import decode_for_encoder
from feira.core.types import Matrix, Pixels, Vector
from feira.engine.batcher import Batcher
from feira.engine.metrics import Metrics


class PhotoEncoding:
    """Encodes photos for many callers at once.

    The embeddings of the last `cache_size` photos are remembered by the SHA-256 of their bytes. Methods belong to the
    event loop's thread; decoding and encoding run in the batcher's lanes.
    """

    def __init__(
        self, encoder: Encoder, *, lanes: int, max_batch: int, max_queue: int, cache_size: int, metrics: Metrics
    ) -> None:
        self._encoder, self._metrics = encoder, metrics
        self._cache_size = cache_size
        self._known: OrderedDict[bytes, Vector] = OrderedDict()
        self._batcher: Batcher[bytes, Vector] = Batcher(
            self._run_batch,
            lanes=lanes,
            max_batch=max_batch,
            max_waiting=max_queue,
            observe_batch=metrics.batch_size.observe,
        )

    def depth(self) -> int:
        """Return how many photos wait or are being encoded."""
        return self._batcher.depth()

    async def encode(self, images: Sequence[bytes], *, bulk: bool = False) -> Matrix:
        """Return one row per image, in order.

        Raises:
            InvalidImage: one of the photos cannot be read; `facts["position"]` says which.
            EncoderError: the model failed on one of them.
            Busy: too many photos wait already.
        """
        digests = [hashlib.sha256(content).digest() for content in images]
        rows: dict[bytes, Vector] = {}
        wanted: dict[bytes, bytes] = {}
        for digest, content in zip(digests, images, strict=True):
            known = self._known.get(digest)
            if known is None:
                wanted[digest] = content
            else:
                self._known.move_to_end(digest)
                rows[digest] = known
        self._metrics.remembered.inc(len(rows))
        if wanted:
            answers = await self._batcher.submit(list(wanted.values()), bulk=bulk)
            for digest, answer in zip(wanted, answers, strict=True):
                if isinstance(answer, BaseException):
                    raise _placed(answer, digests.index(digest))
                rows[digest] = answer
                self._remember(digest, answer)
        empty = np.empty((0, self._encoder.dim), dtype=np.float32)
        return np.stack([rows[digest] for digest in digests]) if digests else empty

    async def close(self) -> None:
        """Answer what waits and stop the lanes."""
        await self._batcher.close()

    def _remember(self, digest: bytes, row: Vector) -> None:
        self._known[digest] = row
        self._known.move_to_end(digest)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)

    def _run_batch(self, contents: Sequence[bytes]) -> list[Vector | Exception]:
        """Decode and encode in a lane's thread; a photo that fails does not take its neighbours along."""
        answers: list[Vector | Exception] = []
        pixels: list[Pixels] = []
        places: list[int] = []
        started = time.perf_counter()
        for place, content in enumerate(contents):
            try:
                pixels.append(decode_for_encoder(content, self._encoder.input_size))
                places.append(place)
                answers.append(_PENDING)
            except Exception as error:  # noqa: BLE001  (hostile bytes find odd ways to fail; it is their sender's)
                answers.append(error)
        decoded = time.perf_counter()
        self._metrics.decode_seconds.observe(decoded - started)
        for place, answer in zip(places, self._encoded(pixels), strict=True):
            answers[place] = answer
        self._metrics.encode_seconds.observe(time.perf_counter() - decoded)
        self._metrics.encoded.inc(len(places))
        return answers

    def _encoded(self, pixels: Sequence[Pixels]) -> list[Vector | Exception]:
        if not pixels:
            return []
        try:
            # Copies, so that a remembered row does not keep its whole batch in memory.
            return [row.copy() for row in self._encoder.encode_images(pixels)]
        except EncoderError as error:
            if len(pixels) == 1:
                return [error]
            return [answer for one in pixels for answer in self._encoded([one])]


_PENDING = EncoderError("The photo was decoded but not encoded. This is a fault of the engine; see its log.")


def _placed(error: BaseException, position: int) -> BaseException:
    """Return the error of one photo with its position among the caller's."""
    if isinstance(error, InvalidImage):
        facts = {name: value for name, value in error.facts.items() if name != "reason"}
        return InvalidImage(error.message, **{**facts, "reason": error.reason, "position": position})
    return error
