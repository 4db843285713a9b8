"""One engine from start to stop: encoder, encoding lanes and live index."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

import feira
from feira.core.encoders.protocol import Encoder
from feira.core.errors import DimensionMismatch, FeiraError
from feira.core.index.scalar import ScalarIndex
from feira.core.types import Hit, Matrix
from feira.engine.batcher import Busy
from feira.engine.config import EngineConfig
from feira.engine.encoding import PhotoEncoding
from feira.engine.live import LiveIndex
from feira.engine.log import open_log
from feira.engine.metrics import Metrics
from feira.engine.registry import open_encoder
from feira.engine.wire import EngineStatus, Verification

MAX_SEARCHES = 64

logger = logging.getLogger(__name__)


class Starting(FeiraError):
    """The engine is loading its model or catching up with the log; come again soon."""

    code = "starting"
    http_status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=1)


class Engine:
    """What the server serves. `start` returns when the engine is ready; parts that are ready sooner work sooner."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.metrics = Metrics()
        self._encoder: Encoder | None = None
        self._encoding: PhotoEncoding | None = None
        self._live: LiveIndex | None = None
        self._searches = 0
        self._search_pool = ThreadPoolExecutor(max(2, config.threads), thread_name_prefix="search")
        self._verifying = threading.Lock()
        self._started = time.monotonic()
        self.metrics.watch("queue_depth", "Photos that wait or are being encoded.", lambda: self.status().queued)
        self.metrics.watch("index_photos", "Photos in the index.", lambda: self.status().photos)
        self.metrics.watch("log_seq", "Last index log entry applied.", lambda: self.status().seq)
        self.metrics.watch("log_lag", "Index log entries seen but not yet applied.", lambda: self.status().lag)
        self.metrics.watch("ready", "1 once the engine has caught up at its start.", lambda: self.status().ready)
        self.metrics.watch("log_failing", "1 while the log cannot be read.", lambda: bool(self.status().fault))

    async def start(self) -> None:
        """Load and warm the encoder, open or rebuild the index, catch up with the log.

        Raises:
            Misconfigured: there is no such encoder, or the database's address cannot be used.
            ManifestError: the model's folder is incomplete or altered.
        """
        config = self.config
        encoder = await asyncio.to_thread(self._loaded_encoder)
        open_source = partial(open_log, config.database_url, encoder.encoder_id)
        self._encoding = PhotoEncoding(
            encoder,
            lanes=config.threads,
            max_batch=config.max_batch,
            max_queue=config.max_queue,
            cache_size=config.cache_size,
            metrics=self.metrics,
        )
        self._encoder = encoder
        live = LiveIndex(
            encoder_id=encoder.encoder_id,
            make_index=partial(ScalarIndex, encoder.dim),
            open_source=open_source,
            snapshots_dir=config.snapshots_dir,
            poll_s=config.poll_s,
            snapshot_every_s=config.snapshot_every_s,
            snapshot_every_changes=config.snapshot_every_changes,
        )
        live.start()
        self._live = live
        while not live.caught_up:
            await asyncio.sleep(0.02)
        logger.info("Ready: %s, %d photos, log entry %d.", encoder.encoder_id, live.photos, live.seq)

    async def stop(self) -> None:
        """Answer what waits, write the index down when it changed, let go of everything."""
        if self._encoding is not None:
            await self._encoding.close()
        self._search_pool.shutdown()
        if self._live is not None:
            await asyncio.to_thread(self._live.stop)

    @property
    def ready(self) -> bool:
        """Whether the engine has caught up once; a database that goes away later does not change that."""
        return self._live is not None and self._live.caught_up

    def status(self) -> EngineStatus:
        """Return what is served right now."""
        encoder, live = self._encoder, self._live
        return EngineStatus(
            ready=self.ready,
            encoder=self.config.encoder,
            encoder_id=encoder.encoder_id if encoder else "",
            dim=encoder.dim if encoder else 0,
            photos=live.photos if live else 0,
            seq=live.seq if live else 0,
            lag=live.lag if live else 0,
            snapshot_seq=live.snapshot_seq if live else 0,
            queued=self._encoding.depth() if self._encoding else 0,
            uptime_s=round(time.monotonic() - self._started, 3),
            version=feira.__version__,
            fault=live.fault if live else "",
            input_size=encoder.input_size if encoder else 0,
        )

    async def encode(self, images: Sequence[bytes], *, bulk: bool) -> tuple[str, Matrix]:
        """Return the encoder's id and one row per image.

        Raises:
            Starting, Busy, InvalidImage, EncoderError
        """
        if self._encoder is None or self._encoding is None:
            raise Starting("The engine is loading its encoder. Try again in a moment.")
        return self._encoder.encoder_id, await self._encoding.encode(images, bulk=bulk)

    async def search(
        self, queries: Matrix, k: int, *, among: Sequence[int] | None, encoder_id: str | None
    ) -> tuple[str, int, list[list[Hit]]]:
        """Return the encoder's id, the log entry the index had reached, and the hits of each query.

        Raises:
            Starting, Busy, DimensionMismatch
        """
        encoder, live = self._served()
        if queries.shape[1] != encoder.dim:
            raise DimensionMismatch(expected=encoder.dim, got=queries.shape[1])
        if encoder_id not in {None, encoder.encoder_id}:
            raise EncoderChanged(
                f"The vectors were made by {encoder_id}, the engine serves {encoder.encoder_id}. Encode them again.",
                encoder_id=encoder.encoder_id,
            )
        if self._searches >= MAX_SEARCHES:
            raise Busy(f"The engine answers {self._searches} searches already. Try again in a moment.")
        self._searches += 1
        try:
            work = partial(live.search, queries, k, among=among)
            seq, hits = await asyncio.get_running_loop().run_in_executor(self._search_pool, work)
        finally:
            self._searches -= 1
        return encoder.encoder_id, seq, hits

    async def wait_for(self, seq: int, timeout_s: float) -> tuple[bool, int]:
        """Return whether log entry `seq` was reached within the time, and the last one that was.

        Raises:
            Starting
        """
        _, live = self._served()
        deadline = time.monotonic() + timeout_s
        live.nudge()
        while live.seq < seq and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return live.seq >= seq, live.seq

    async def verify(self) -> Verification:
        """Compare the live index with one rebuilt from the log.

        Raises:
            Starting, Busy: one comparison at a time.
            LogUnavailable: the log cannot be read now.
        """
        _, live = self._served()
        if not self._verifying.acquire(blocking=False):
            raise Busy("The index is being verified already. Try again when that has ended.", retry_after_s=5)
        try:
            return await asyncio.to_thread(live.verify)
        finally:
            self._verifying.release()

    def _served(self) -> tuple[Encoder, LiveIndex]:
        if self._encoder is None or self._live is None or not self._live.caught_up:
            raise Starting("The engine is catching up with the index log. Try again in a moment.")
        return self._encoder, self._live

    def _loaded_encoder(self) -> Encoder:
        encoder = open_encoder(self.config.encoder, models_dir=self.config.models_dir, threads=1)
        # The first call allocates and plans; nobody should wait for that.
        size = encoder.input_size
        encoder.encode_images([np.linspace(0, 255, size * size * 3).astype(np.uint8).reshape(size, size, 3)])
        return encoder


class EncoderChanged(FeiraError):
    """Vectors of one encoder met the index of another."""

    code = "encoder_changed"
    http_status = 409
