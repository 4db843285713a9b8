"""One engine from start to stop: the encoders that it serves, and which of them answers."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import feira
from feira.core.errors import EncoderChanged, FeiraError
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix
from feira.engine.batcher import Busy
from feira.engine.config import EngineConfig
from feira.engine.database import LogUnavailable
from feira.engine.lineup import Lineup
from feira.engine.metrics import Metrics
from feira.engine.registry import open_encoder
from feira.engine.served import OpenEncoder, ServedEncoder, Terms
from feira.engine.wire import EngineStatus, ServedStatus, Tag, Verification

MAX_SEARCHES = 64
NOTHING_YET = ServedStatus(
    name="", encoder_id="", dim=0, input_size=0, ready=False, photos=0, seq=0, lag=0, snapshot_seq=0, queued=0
)

logger = logging.getLogger(__name__)


class Starting(FeiraError):
    """The engine is loading its model or catching up with the log; come again soon."""

    code = "starting"
    http_status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=1)


class Engine:
    """What the server serves. `start` returns when the engine is ready; parts that are ready sooner work sooner.

    Args:
        open_encoder: where encoders come from.
    """

    def __init__(self, config: EngineConfig, *, open_encoder: OpenEncoder = open_encoder) -> None:
        self.config = config
        self.metrics = Metrics()
        self._lineup = Lineup(config, metrics=self.metrics, open_encoder=open_encoder)
        self._reloading: set[asyncio.Task[None]] = set()
        self._searches = 0
        self._search_pool = ThreadPoolExecutor(max(2, config.threads), thread_name_prefix="search")
        self._verifying = threading.Lock()
        self._started = time.monotonic()
        self._watch()

    async def start(self) -> None:
        """Load and warm the live encoder, open or rebuild its index, catch up with the log.

        Raises:
            Misconfigured: there is no such encoder, or the database's address cannot be used.
            ManifestError: the model's folder is incomplete or altered.
        """
        await self._lineup.start()
        first = self.status()
        logger.info("Ready: %s, %d photos, log entry %d.", first.encoder_id, first.photos, first.seq)

    async def stop(self) -> None:
        """Answer what waits, write the indexes down when they changed, let go of everything."""
        await self._lineup.stop()
        self._search_pool.shutdown()

    def reload(self) -> None:
        """Begin to open every model folder again; whatever is not in order is refused and the old kept."""
        task = asyncio.create_task(self._lineup.reload())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    @property
    def ready(self) -> bool:
        """Whether the live index has caught up once; a database that goes away later does not change that."""
        return self._lineup.live is not None and self._lineup.live.index.caught_up

    def status(self) -> EngineStatus:
        """Return what is served right now."""
        every = [served.status() for served in self._lineup]
        first = every[0] if self._lineup.live is not None else NOTHING_YET
        return EngineStatus(
            ready=self.ready,
            encoder=first.name or self.config.encoder,
            encoder_id=first.encoder_id,
            dim=first.dim,
            photos=first.photos,
            seq=first.seq,
            lag=first.lag,
            snapshot_seq=first.snapshot_seq,
            queued=first.queued,
            uptime_s=round(time.monotonic() - self._started, 3),
            version=feira.__version__,
            fault=first.fault or self._lineup.fault,
            input_size=first.input_size,
            encoders=every,
            refused=self._lineup.refused,
        )

    async def encode(self, images: Sequence[bytes], terms: Terms) -> tuple[str, Matrix]:
        """Return the encoder's id and one row per image.

        Raises:
            Starting, EncoderChanged, Busy, TooLate, InvalidImage, EncoderError
        """
        served = self._loaded(terms.encoder_id)
        return served.encoder_id, await served.encode(images, terms)

    async def encode_texts(self, texts: Sequence[str], terms: Terms) -> tuple[str, Matrix]:
        """Return the encoder's id and one row per text in the space of its images.

        Raises:
            Starting, EncoderChanged, Busy, TooLate, NoTextSide, EncoderError
        """
        served = self._loaded(terms.encoder_id)
        return served.encoder_id, await served.encode_texts(texts, terms)

    async def embed_texts(self, texts: Sequence[str], terms: Terms) -> tuple[str, Matrix]:
        """Return the text encoder's id and one row per text in its own space.

        Raises:
            Starting, EncoderChanged, Busy, TooLate, NoTextSide, EncoderError
        """
        return await self._loaded(terms.encoder_id).embed_texts(texts, terms)

    async def tags(self, rows: Matrix, *, encoder_id: str | None = None) -> tuple[str, int, list[list[Tag]]]:
        """Return the encoder's id, the version of its learned heads, and what its classifiers say of each embedding.

        Raises:
            Starting, EncoderChanged, DimensionMismatch
        """
        served = self._loaded(encoder_id)
        return served.encoder_id, *await asyncio.to_thread(served.tags, rows)

    async def search(
        self, queries: Matrix, k: int, *, among: PhotoSet | None, encoder_id: str | None
    ) -> tuple[str, int, list[list[Hit]]]:
        """Return the encoder's id, the log entry the index had reached, and the hits of each query.

        Raises:
            Starting, EncoderChanged, Busy, DimensionMismatch
        """
        served = self._caught_up(encoder_id)
        if self._searches >= MAX_SEARCHES:
            raise Busy(f"The engine answers {self._searches} searches already. Try again in a moment.")
        self._searches += 1
        try:
            seq, hits = await served.search(self._search_pool, queries, k, among=among)
        finally:
            self._searches -= 1
        return served.encoder_id, seq, hits

    async def wait_for(self, seq: int, timeout_s: float, *, encoder_id: str | None = None) -> tuple[bool, int]:
        """Return whether log entry `seq` was reached within the time, and the last one that was.

        Raises:
            Starting, EncoderChanged
        """
        index = self._caught_up(encoder_id).index
        deadline = time.monotonic() + timeout_s
        index.nudge()
        while index.seq < seq and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return index.seq >= seq, index.seq

    async def verify(self) -> Verification:
        """Compare the live index with one rebuilt from the log.

        Raises:
            Starting, Busy: one comparison at a time.
            LogUnavailable: the log cannot be read now.
        """
        index = self._caught_up(None).index
        if not self._verifying.acquire(blocking=False):
            raise Busy("The index is being verified already. Try again when that has ended.", retry_after_s=5)
        try:
            return await asyncio.to_thread(index.verify)
        finally:
            self._verifying.release()

    async def compact(self) -> EngineStatus:
        """Give back the memory that the indexes do not need, write their snapshots, and return what is served then.

        Raises:
            Starting
        """
        self._caught_up(None)
        for served in [*self._lineup]:
            await asyncio.to_thread(served.index.compact)
        return self.status()

    async def rebuild(self) -> EngineStatus:
        """Build every index from the log again, beside those that serve, and return what is served then.

        Raises:
            Starting
            LogUnavailable: the log cannot be read now; the indexes go on as they are.
        """
        self._caught_up(None)
        for served in [*self._lineup]:
            if not await asyncio.to_thread(served.index.rebuild):
                raise LogUnavailable(
                    f"The index of {served.name} could not be built again. {served.index.fault}".strip()
                )
        return self.status()

    def _loaded(self, encoder_id: str | None) -> ServedEncoder:
        """Return the encoder that was named, the live one for None; its index may still be catching up."""
        live = self._lineup.live
        if live is None:
            raise Starting(f"The engine is loading its encoder. {self._lineup.fault or 'Try again in a moment.'}")
        served = live if encoder_id is None else self._lineup.get(encoder_id)
        if served is None:
            raise EncoderChanged(
                f"The vectors were made by {encoder_id}, the engine serves {live.encoder_id}. Encode them again.",
                encoder_id=live.encoder_id,
            )
        return served

    def _caught_up(self, encoder_id: str | None) -> ServedEncoder:
        served = self._loaded(encoder_id)
        if not served.index.caught_up:
            raise Starting("The engine is catching up with the index log. Try again in a moment.")
        return served

    def _watch(self) -> None:
        def each(value: Callable[[ServedStatus], float]) -> Callable[[], dict[str, float]]:
            return lambda: {served.encoder_id: value(served.status()) for served in self._lineup}

        watch_each = self.metrics.watch_each
        watch_each("queue_depth", "Photos and texts that wait or are being encoded.", each(lambda one: one.queued))
        watch_each("index_photos", "Photos in the index.", each(lambda one: one.photos))
        watch_each("log_seq", "Last index log entry applied.", each(lambda one: one.seq))
        watch_each("log_lag", "Index log entries seen but not yet applied.", each(lambda one: one.lag))
        watch_each("log_failing", "1 while the log cannot be read.", each(lambda one: bool(one.fault)))
        watch_each("live", "1 for the encoder that answers when none is named.", self._is_live)
        self.metrics.watch(
            "refused", "Encoders that are wanted and cannot be served.", lambda: len(self._lineup.refused)
        )
        self.metrics.watch("ready", "1 once the engine has caught up at its start.", lambda: self.ready)

    def _is_live(self) -> dict[str, float]:
        return {served.encoder_id: served is self._lineup.live for served in self._lineup}
