"""One encoder as it is served: its queues, its words, its tags and its index."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from feira.core.encoders.heads import Heads
from feira.core.encoders.protocol import Encoder, TextEncoder
from feira.core.encoders.sessions import Device
from feira.core.errors import DimensionMismatch, NoTextSide
from feira.core.photo_set import PhotoSet
from feira.core.types import Hit, Matrix
from feira.engine.config import EngineConfig
from feira.engine.encoding import PhotoEncoding, TextEncoding
from feira.engine.heads import FollowedHeads, heads_of
from feira.engine.metrics import EncodingMetrics, Metrics
from feira.engine.parts import LearnedParts, open_parts
from feira.engine.stored import live_index
from feira.engine.texts import TextSide, open_text_model, text_side_of
from feira.engine.wire import ServedStatus, Tag

TAGS_PER_HEAD = 3
LEAST_CONFIDENCE = 0.05
LEARNED_POLL_S = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How something is asked for.

    Attributes:
        bulk: step back behind people's queries.
        encoder_id: who is to answer; None for the live encoder.
        deadline: by `time.monotonic()`; what has not begun by then is not begun. None: never.
    """

    bulk: bool = False
    encoder_id: str | None = None
    deadline: float | None = None


class ServedEncoder:
    """An encoder with everything that answers for it. Nothing in here is shared with another encoder.

    Methods belong to the event loop's thread unless they say otherwise.

    Args:
        name: as the registry knows the encoder.
        encoder: loaded and warm.
    """

    def __init__(self, name: str, encoder: Encoder, *, config: EngineConfig, metrics: Metrics) -> None:
        self.name, self.encoder, self._config = name, encoder, config
        measured = partial(EncodingMetrics, metrics, encoder=encoder.encoder_id)
        limits: dict[str, Any] = {
            "lanes": config.threads,
            "max_batch": config.max_batch,
            "max_queue": config.max_queue,
            "cache_size": config.cache_size,
        }
        self._photos = PhotoEncoding(encoder, **limits, metrics=measured(of="photos"))
        self._side = self._side_of(encoder)
        self._heads = FollowedHeads(
            encoder.encoder_id, encoder.dim, shipped=self._shipped_heads(encoder), open_parts=self._open_parts
        )
        self._queries = TextEncoding(
            self._encode_texts,
            version=self._version,
            dim=encoder.dim,
            **limits,
            metrics=measured(of="queries"),
        )
        self._words = TextEncoding(self._embed, dim=0, **limits, metrics=measured(of="words"))
        self.index = live_index(config, encoder_id=encoder.encoder_id, dim=encoder.dim)
        self._following: asyncio.Task[None] | None = None

    @property
    def encoder_id(self) -> str:
        """Whose embeddings these are."""
        return self.encoder.encoder_id

    async def start(self) -> None:
        """Read the first words, open or rebuild the index and catch up with the log."""
        self.index.start()
        await asyncio.to_thread(self._warm_words)
        await asyncio.to_thread(self._heads.refresh)
        self._following = asyncio.create_task(self._follow_learned())
        while not self.index.caught_up:
            await asyncio.sleep(0.02)

    def replace(self, encoder: Encoder) -> None:
        """Let another copy of the same encoder, and what lies beside it, do the work from now on."""
        former = self._side
        self._side = self._side_of(encoder)
        self._heads.ship(self._shipped_heads(encoder))
        self.encoder = encoder
        self._photos.replace(encoder)
        asyncio.get_running_loop().run_in_executor(None, former.close)

    def set_live(self, is_live: bool) -> None:
        """Take the whole machine, or leave half of it to the live encoder."""
        for encoding in (self._photos, self._queries, self._words):
            encoding.set_lanes(self._config.threads if is_live else self._config.threads // 2)

    async def stop(self, *, forget: bool = False) -> None:
        """Answer what waits, write the index down when it changed (or delete its snapshots), let go of everything."""
        if self._following is not None:
            self._following.cancel()
        for encoding in (self._photos, self._queries, self._words):
            await encoding.close()
        await asyncio.to_thread(self.index.stop, forget=forget)
        await asyncio.to_thread(self._side.close)
        await asyncio.to_thread(self._heads.close)

    def depth(self) -> int:
        """Return how many photos and texts wait or are being encoded."""
        return self._photos.depth() + self._queries.depth() + self._words.depth()

    def status(self) -> ServedStatus:
        """Return what is served and how far its index is; may be called from any thread."""
        index = self.index
        return ServedStatus(
            name=self.name,
            encoder_id=self.encoder_id,
            dim=self.encoder.dim,
            input_size=self.encoder.input_size,
            ready=index.caught_up,
            photos=index.photos,
            seq=index.seq,
            lag=index.lag,
            snapshot_seq=index.snapshot_seq,
            queued=self.depth(),
            fault=index.fault,
            text_id=self._side.text_id,
            index=index.facts(),
            heads_version=self._heads.in_force().version,
        )

    async def encode(self, images: Sequence[bytes], terms: Terms) -> Matrix:
        """Return one row per image."""
        return await self._photos.encode(images, bulk=terms.bulk, deadline=terms.deadline)

    async def encode_texts(self, texts: Sequence[str], terms: Terms) -> Matrix:
        """Return one row per text, in the space of the images."""
        return await self._queries.encode(texts, bulk=terms.bulk, deadline=terms.deadline)

    async def embed_texts(self, texts: Sequence[str], terms: Terms) -> tuple[str, Matrix]:
        """Return the text encoder's id and one row per text, in its own space."""
        rows = await self._words.encode(texts, bulk=terms.bulk, deadline=terms.deadline)
        return self._side.text_id, rows

    def tags(self, rows: Matrix) -> tuple[int, list[list[Tag]]]:
        """Return the version of the learned heads and what the encoder's classifiers say of each embedding, in order.

        Version 0 are the classifiers that came with the encoder. May be called from any thread.

        Raises:
            DimensionMismatch: the embeddings come from another encoder.
        """
        self._check(rows)
        version, heads = self._heads.in_force()
        if heads is None:
            return version, [[] for _ in rows]
        return version, [
            [Tag(head, name, confidence) for head, named in answer.items() for name, confidence in named]
            for answer in heads.classify(rows, top=TAGS_PER_HEAD, least=LEAST_CONFIDENCE)
        ]

    async def search(
        self, pool: ThreadPoolExecutor, queries: Matrix, k: int, *, among: PhotoSet | None
    ) -> tuple[int, list[list[Hit]]]:
        """Return the log entry that the answer surely covers, and the hits of each query.

        Raises:
            DimensionMismatch: the queries come from another encoder.
        """
        self._check(queries)
        work = partial(self.index.search, queries, k, among=among)
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    async def _follow_learned(self) -> None:
        """Follow what the shop teaches, in a thread: a slow database must not hold up who asks."""
        while True:
            try:
                await asyncio.to_thread(self._heads.refresh)
                if not isinstance(self.encoder, TextEncoder):
                    await asyncio.to_thread(self._side.refresh)
            except Exception:  # a follower that died unseen would never learn again
                logger.exception("What the shop has learned could not be followed.")
            await asyncio.sleep(LEARNED_POLL_S)

    def _warm_words(self) -> None:
        with suppress(NoTextSide):
            self._encode_texts(["a red dress"])

    def _side_of(self, encoder: Encoder) -> TextSide:
        """Return what leads from words to the encoder's pictures: what came with it, and what the shop has learned."""
        config = self._config
        return text_side_of(
            encoder,
            self.name,
            models_dir=config.models_dir,
            open_embedder=partial(open_text_model, config.text_model, models_dir=config.models_dir),
            open_parts=self._open_parts,
        )

    def _shipped_heads(self, encoder: Encoder) -> Heads | None:
        return heads_of(encoder, self.name, models_dir=self._config.models_dir)

    def _open_parts(self) -> LearnedParts:
        return open_parts(self._config.database_url)

    def _encode_texts(self, texts: Sequence[str]) -> Matrix:
        encoder = self.encoder
        return encoder.encode_texts(texts) if isinstance(encoder, TextEncoder) else self._side.encode_queries(texts)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        return self._side.embed(texts)

    def _version(self) -> str:
        """What the queries depend on besides the words."""
        return "" if isinstance(self.encoder, TextEncoder) else self._side.version

    def _check(self, rows: Matrix) -> None:
        if rows.shape[1] != self.encoder.dim:
            raise DimensionMismatch(expected=self.encoder.dim, got=rows.shape[1])


class OpenEncoder(Protocol):
    """Opens an encoder by name, as `feira.engine.registry.open_encoder` does."""

    def __call__(self, name: str, *, models_dir: Path, threads: int, device: Device) -> Encoder:
        """Return a ready encoder."""


def load_encoder(name: str, config: EngineConfig, open_encoder: OpenEncoder) -> Encoder:
    """Return an encoder that has seen its first photo; takes a while.

    Raises:
        Misconfigured: there is no such encoder.
        ManifestError: the model's folder is incomplete or altered.
    """
    encoder = open_encoder(name, models_dir=config.models_dir, threads=1, device=config.device)
    # The first call allocates and plans; nobody should wait for that.
    size = encoder.input_size
    encoder.encode_images([np.linspace(0, 255, size * size * 3).astype(np.uint8).reshape(size, size, 3)])
    return encoder
