"""What an engine process is told at its start: plain values, made once from the settings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from feira.engine.database import LogUnavailable
from feira.engine.roster import open_roster
from feira.settings import IndexSetting, Settings

DEFAULT_ENCODER = "builtin"
POINTER_NAME = "encoder"


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """One engine: its encoder, where the index log is read, where snapshots lie, and how much it takes on at once.

    Attributes:
        encoder: what to serve while the shop has never chosen: a built-in encoder or a folder in `models_dir`.
        models_dir: one sub-folder per model, each with a `model.json`.
        database_url: `sqlite:///path` or `postgres://…`; read only.
        snapshots_dir: may be deleted at any time, which costs a replay.
        index: `auto`, `exact`, `inverted` or `pgvector`; see `feira.engine.shaping.Shape`.
        text_model: the text encoder behind encoders that only know pictures; empty for the built-in one.
        device: what encoders calculate on; `auto` takes a graphics card where their runtime can use one.
        threads: lanes that encode side by side, one batch each.
        max_queue: images that may wait or be encoded at once; more are refused with 503.
        max_batch: most images in one call of the encoder. On a CPU a photo costs the same in a batch of any size, and
            people's queries wait for the batch that a lane is at.
        cache_size: embeddings kept by the digest of their photo's bytes, so that none is computed twice.
        max_body_bytes: largest request.
        poll_s: seconds between two looks at the index log.
        snapshot_every_s, snapshot_every_changes: a changed index is written after whichever comes first.
        roster_poll_s: seconds between two looks at which encoders the shop wants.
        grace_s: an encoder that is no longer wanted answers this long, for callers who have just met it.
        retry_s: seconds until an encoder that could not be loaded is tried again.
    """

    encoder: str
    models_dir: Path
    database_url: str
    snapshots_dir: Path
    index: IndexSetting = "auto"
    text_model: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 1
    max_queue: int = 512
    max_batch: int = 8
    cache_size: int = 4096
    max_body_bytes: int = 64_000_000
    poll_s: float = 0.2
    snapshot_every_s: float = 60.0
    snapshot_every_changes: int = 5_000
    roster_poll_s: float = 0.5
    grace_s: float = 30.0
    retry_s: float = 30.0


def config_from_settings(settings: Settings) -> EngineConfig:
    """Return the engine's values for these settings."""
    return EngineConfig(
        encoder=first_encoder(settings),
        models_dir=settings.resolved_models_dir(),
        database_url=settings.resolved_database_url(),
        snapshots_dir=settings.snapshots_dir(),
        index=settings.index,
        text_model=settings.text_model,
        device=settings.device,
        threads=settings.engine_threads or os.cpu_count() or 1,
    )


def chosen_encoder(settings: Settings) -> str:
    """Return the encoder's name: the one that the shop serves, else the one that it would begin with."""
    roster = open_roster(settings.resolved_database_url())
    try:
        wanted = roster.read()
    except LogUnavailable:
        wanted = []  # no database yet, or it is away
    finally:
        roster.close()
    return next((one.name for one in wanted if one.is_live), first_encoder(settings))


def first_encoder(settings: Settings) -> str:
    """Return what a shop begins with: the setting, else what was chosen before its database was there."""
    if settings.encoder:
        return settings.encoder
    pointer = encoder_pointer(settings)
    chosen = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
    return chosen or DEFAULT_ENCODER


def choose_encoder(settings: Settings, name: str) -> None:
    """Remember what a shop whose database is not there yet begins with; the setting FEIRA_ENCODER goes before it."""
    pointer = encoder_pointer(settings)
    pointer.parent.mkdir(parents=True, exist_ok=True)
    beside = pointer.with_name(f"{pointer.name}.{os.getpid()}")
    beside.write_text(f"{name}\n", encoding="utf-8")
    beside.replace(pointer)


def encoder_pointer(settings: Settings) -> Path:
    """Return the file that holds that name; nothing reads it once the shop has chosen."""
    return settings.data_dir.resolve() / POINTER_NAME
