"""Which encoders are loaded, and which one is live: follows the roster that the shop writes.

A new encoder is loaded and its index built beside the live one. It becomes live only once it could answer everything,
and whoever was live goes on answering by name, so that a switch has no gap. What the shop no longer wants leaves after
a grace period.
"""

import asyncio
import logging
import time
from collections.abc import Iterator

from feira.core.encoders.protocol import Encoder
from feira.core.errors import EncoderChanged, FeiraError
from feira.engine.config import EngineConfig
from feira.engine.database import LogUnavailable
from feira.engine.metrics import Metrics
from feira.engine.roster import LIVE, Wanted, open_roster
from feira.engine.served import OpenEncoder, ServedEncoder, load_encoder

logger = logging.getLogger(__name__)


class Lineup:
    """The encoders of one engine. Methods belong to the event loop's thread.

    Args:
        config: names the encoder that is served while the shop has never chosen.
        open_encoder: where encoders come from.
    """

    def __init__(self, config: EngineConfig, *, metrics: Metrics, open_encoder: OpenEncoder) -> None:
        self._config, self._metrics, self._open_encoder = config, metrics, open_encoder
        self._roster = open_roster(config.database_url)
        self._served: dict[str, ServedEncoder] = {}
        self._live: ServedEncoder | None = None
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._unwanted_since: dict[str, float] = {}
        self._retry_at: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        self._fault = ""
        self._following: asyncio.Task[None] | None = None

    @property
    def live(self) -> ServedEncoder | None:
        """The encoder that answers when none is named; None until it is loaded."""
        return self._live

    @property
    def fault(self) -> str:
        """Why the roster cannot be read just now; empty while it can."""
        return self._fault

    @property
    def refused(self) -> dict[str, str]:
        """Encoders that are wanted and cannot be served, by name, with the reason."""
        return dict(self._refused)

    def __iter__(self) -> Iterator[ServedEncoder]:
        """Every loaded encoder, the live one first."""
        return iter(sorted(self._served.values(), key=lambda served: served is not self._live))

    def get(self, encoder_id: str) -> ServedEncoder | None:
        """Return a loaded encoder by its id."""
        return self._served.get(encoder_id)

    async def start(self) -> None:
        """Load the live encoder and let its index catch up; then follow the roster.

        Raises:
            Misconfigured: there is no such encoder, or the database's address cannot be used.
            ManifestError: the model's folder is incomplete or altered.
        """
        first = await self._first_wanted()
        encoder = await self._load(first.name)
        if first.encoder_id not in {"", encoder.encoder_id}:
            # The old weights are gone, as after an upgrade: serving the new ones is the only way to go on.
            logger.warning(
                "The shop is served by %s, but %s is %s now.", first.encoder_id, first.name, encoder.encoder_id
            )
        self._live = self._take_in(first.name, encoder)
        await self._live.start()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Answer what waits, write the indexes down when they changed, let go of everything."""
        tasks = [task for task in (self._following, *self._loading.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._leaving, return_exceptions=True)
        for served in self._served.values():
            await served.stop()
        await asyncio.to_thread(self._roster.close)

    async def reload(self) -> None:
        """Open every encoder's folder again, and try again what was refused; nobody's request is dropped.

        A folder that is incomplete, altered or of other weights is refused, and what is loaded goes on.
        """
        self._retry_at.clear()
        for served in list(self._served.values()):
            try:
                encoder = await self._load(served.name)
                if encoder.encoder_id != served.encoder_id:
                    raise EncoderChanged(
                        f"The folder of {served.name} holds {encoder.encoder_id} now. `feira model use {served.name}` "
                        "lets the shop change to it.",
                        encoder_id=encoder.encoder_id,
                    )
            except Exception as error:  # noqa: BLE001  (whatever is wrong with a folder, the one in memory is not)
                self._refuse(served.name, error)
            else:
                served.replace(encoder)
                self._refused.pop(served.name, None)
                logger.info("Loaded %s again.", served.encoder_id)

    async def _first_wanted(self) -> Wanted:
        """Return the live encoder's row, or what the settings say when the shop has never chosen."""
        while True:
            wanted = await self._read()
            if wanted is not None:
                chosen = next((one for one in wanted if one.is_live), None)
                return chosen or Wanted(self._config.encoder, "", LIVE)
            await asyncio.sleep(self._config.roster_poll_s)

    async def _read(self) -> list[Wanted] | None:
        try:
            wanted = await asyncio.to_thread(self._roster.read)
        except LogUnavailable as error:
            if not self._fault:
                logger.warning("%s Serving the same encoders meanwhile.", error)
            self._fault = error.message
            return None
        self._fault = ""
        return wanted

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._config.roster_poll_s)
            try:
                wanted = await self._read()
                if wanted:
                    self._apply(wanted)
            except Exception:  # a follower that died unseen would never switch again
                logger.exception("The roster could not be followed.")

    def _apply(self, wanted: list[Wanted]) -> None:
        """Begin whatever brings this engine nearer to the roster."""
        for one in wanted:
            served = self._served.get(one.encoder_id)
            if served is None:
                self._begin_loading(one)
            elif one.is_live and served is not self._live and served.index.caught_up:
                self._switch_to(served)
        ids = {one.encoder_id for one in wanted}
        now = time.monotonic()
        for encoder_id, served in list(self._served.items()):
            if encoder_id in ids or served is self._live:
                self._unwanted_since.pop(encoder_id, None)
            elif now - self._unwanted_since.setdefault(encoder_id, now) >= self._config.grace_s:
                self._let_go(served)
        names = {one.name for one in wanted}
        self._refused = {name: reason for name, reason in self._refused.items() if name in names}

    def _switch_to(self, served: ServedEncoder) -> None:
        if self._live is not None:
            self._live.set_live(False)
        served.set_live(True)
        self._live = served
        logger.info("Live now: %s, %d photos, log entry %d.", served.encoder_id, served.index.photos, served.index.seq)

    def _begin_loading(self, one: Wanted) -> None:
        if one.encoder_id in self._loading or time.monotonic() < self._retry_at.get(one.encoder_id, 0.0):
            return
        task = asyncio.create_task(self._load_beside(one))
        self._loading[one.encoder_id] = task
        task.add_done_callback(lambda _: self._loading.pop(one.encoder_id, None))

    async def _load_beside(self, one: Wanted) -> None:
        try:
            encoder = await self._load(one.name)
            if encoder.encoder_id != one.encoder_id:
                raise EncoderChanged(
                    f"The shop wants {one.encoder_id}, but {one.name} is {encoder.encoder_id} here. Bring its folder "
                    "back, or choose it anew with `feira model use`.",
                    encoder_id=encoder.encoder_id,
                )
        except Exception as error:  # noqa: BLE001  (a model that cannot be loaded must not stop those that are)
            self._refuse(one.name, error)
            self._retry_at[one.encoder_id] = time.monotonic() + self._config.retry_s
            return
        self._refused.pop(one.name, None)
        served = self._take_in(one.name, encoder)
        served.set_live(False)
        await served.start()
        logger.info("Beside it: %s, %d photos, log entry %d.", one.encoder_id, served.index.photos, served.index.seq)

    def _take_in(self, name: str, encoder: Encoder) -> ServedEncoder:
        served = ServedEncoder(name, encoder, config=self._config, metrics=self._metrics)
        self._served[served.encoder_id] = served
        return served

    def _let_go(self, served: ServedEncoder) -> None:
        del self._served[served.encoder_id]
        self._unwanted_since.pop(served.encoder_id, None)
        task = asyncio.create_task(served.stop(forget=True))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        logger.info("Let go of %s.", served.encoder_id)

    def _refuse(self, name: str, error: Exception) -> None:
        reason = error.message if isinstance(error, FeiraError) else f"{type(error).__name__}: {error}"
        if self._refused.get(name) != reason:
            logger.warning("%s is not taken: %s", name, reason)
        self._refused[name] = reason

    async def _load(self, name: str) -> Encoder:
        return await asyncio.to_thread(load_encoder, name, self._config, self._open_encoder)
