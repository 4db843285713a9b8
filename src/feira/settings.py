"""Every setting of Feira, typed, with its default, unit and help text.

Values come from environment variables named `FEIRA_` plus the field's name in capitals. The table in
`docs/reference/settings.md` is written from this class and tested against it.
"""

import os
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from feira.core.errors import Misconfigured

ENV_PREFIX = "FEIRA_"
IndexSetting = Literal["auto", "exact", "inverted", "pgvector"]


class Settings(BaseSettings):
    """What an operator may choose. Everything has a default that runs on a laptop with no service."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    # Where things are kept
    data_dir: Path = Field(
        Path("var"), description="Folder for the SQLite files, blobs, index snapshots and generated secrets."
    )
    database_url: str = Field(
        "", description="`sqlite:///path` or `postgres://user:pass@host/name`. Empty: SQLite in the data folder."
    )
    broker_url: str = Field(
        "",
        description="`redis://host/0` or `amqp://user:pass@host//`. Empty: the embedded broker in the data folder.",
    )
    blob_url: str = Field(
        "",
        description="Where bytes of photos live: `file:///path` or `s3://bucket/prefix?endpoint=URL`. "
        "Empty: a folder in the data folder. S3 takes its keys from the usual AWS_* variables.",
    )
    models_dir: Path | None = Field(
        None,
        description="Folder with one sub-folder per model (a `model.json` and its files). Empty: in the data folder.",
    )

    # The shop
    secret_key: str = Field(
        "",
        description="Signs sessions and links; at least 32 characters. Empty: made once and kept in the data folder.",
    )
    debug: bool = Field(False, description="Show error pages with details. Never on a public address.")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="The address people type; used in mails, links and shared previews."
    )
    allowed_hosts: str = Field(
        "",
        description="Further host names that may be served, separated by commas; that of the public URL always is.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        description="Reverse proxies in front that add to X-Forwarded-For. 0: the header is not believed.",
    )
    site_name: str = Field("Feira", description="Name of the shop in titles and mails.")
    currency: str = Field("EUR", description="Default currency of new listings, as an ISO 4217 code.")
    language: str = Field("en", description="Default language of pages.")
    time_zone: str = Field("UTC", description="Time zone of the server's own texts, as an IANA name.")
    email_url: str = Field(
        "console:",
        description="`smtp://user:pass@host:587/?tls=1` or `console:` to print mails to the log.",
    )
    email_from: str = Field("Feira <shop@localhost>", description="Sender of mails.")

    # Photos
    photo_max_bytes: int = Field(20_000_000, gt=0, description="Largest upload, in bytes.")
    photo_max_pixels: int = Field(50_000_000, gt=0, description="Largest photo, in pixels (width × height).")
    photo_keep_days: int = Field(
        60,
        ge=0,
        description="Days after which photos are deleted that came to stand on no listing, such as those that were "
        "searched with. Ones in a saved search or in somebody's history stay. 0: none is deleted.",
    )
    photo_decode_timeout_s: float = Field(
        10.0, gt=0, description="Longest time spent on reading one photo, in seconds."
    )
    photos_per_listing: int = Field(12, gt=0, description="Most photos on one listing.")

    # The engine
    engine_url: str = Field(
        "http://127.0.0.1:8001",
        description="Address of the engine process; of several, separated by commas: they take turns.",
    )
    engine_timeout_s: float = Field(10.0, gt=0, description="Longest wait for an answer of the engine, in seconds.")
    encoder: str = Field(
        "",
        description="Encoder that a new shop begins with: a built-in one or a folder name in the models folder. Empty: "
        "the built-in one. Afterwards `feira model use` changes it, and this counts no longer.",
    )
    text_model: str = Field(
        "",
        description="Name of the text encoder behind encoders that only know pictures: `words-v1` or a folder name in "
        "the models folder. Empty: `words-v1`, which is built in. A change asks for `feira train align`.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="What encoders calculate on. `auto`: a graphics card where ONNX Runtime can use one."
    )
    engine_threads: int = Field(0, ge=0, description="Threads for encoding. 0: one per core.")
    index: IndexSetting = Field(
        "auto",
        description="How photos are searched. `exact`: every one is compared. `inverted`: the lists nearest to the "
        "query. `auto`: exact up to 200,000 photos, inverted beyond. `pgvector`: in the PostgreSQL database, which "
        "needs its extension `vector`.",
    )

    # Feedback
    feedback_half_life_days: float = Field(
        60.0, gt=0, description="A judgement of a result counts half as much after this many days."
    )
    feedback_keep_days: int = Field(
        400, gt=0, description="Days after which searches, clicks and judgements are deleted."
    )
    search_log_delay_s: float = Field(
        2.0,
        ge=0,
        description="Searches are written down together, this often, in seconds. 0: each within its own request.",
    )
    search_log_share: float = Field(
        1.0, ge=0, le=1, description="Share of searches that is written down for statistics, drawn by chance."
    )

    # Data sets
    datasets_url: str = Field(
        "",
        description="Where files of data sets are kept: `file:///path` or `s3://bucket/prefix?endpoint=URL`. "
        "Empty: a folder in the data folder.",
    )
    dataset_targets: str = Field(
        "",
        description="Where data sets may be delivered, separated by commas: `file:///path` or "
        "`s3://bucket/prefix?endpoint=URL`, and whatever lies below. Empty: the folder `exports` in the data folder.",
    )
    dataset_max_photos: int = Field(200_000, gt=0, description="Most photos in one data set, without their variants.")
    dataset_max_bytes: int = Field(100_000_000_000, gt=0, description="Largest data set by its estimate, in bytes.")
    dataset_keep_days: int = Field(
        30, gt=0, description="Days after which the files of a data set go that nobody tagged, kept or fetched."
    )
    dataset_link_minutes: int = Field(60, gt=0, description="How long a link to fetch a data set is good, in minutes.")
    dataset_processes: int = Field(
        0, ge=0, description="Processes that decode and augment photos for one data set. 0: one per core."
    )
    torch_workers: int = Field(0, ge=0, description="Processes that read photos for a PyTorch checkpoint. 0: none.")
    torch_batch: int = Field(32, gt=0, description="Photos that a PyTorch checkpoint sees at once.")

    # Fetching models
    hub_url: str = Field(
        "",
        description="Hub or mirror that `feira model pull` asks, as in `https://hub.example.org`. "
        "Empty: HF_ENDPOINT, else the public one.",
    )
    hub_token: str = Field(
        "", description="Token for models that are not open; sent to the hub alone. Empty: HF_TOKEN.", repr=False
    )
    hub_max_bytes: int = Field(8_000_000_000, gt=0, description="Largest file of a model that is fetched, in bytes.")
    offline: bool = Field(False, description="Fetch nothing from the network. HF_HUB_OFFLINE says the same.")

    # Work and servers
    web_workers: int = Field(2, gt=0, description="Web processes started by `feira web`.")
    web_threads: int = Field(4, gt=0, description="Threads per web process.")
    worker_concurrency: int = Field(2, gt=0, description="Jobs one worker process runs at once.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least important line that is logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="`console` for people, `json` for machines.")

    def resolved_database_url(self) -> str:
        """Return the database address, the SQLite file in the data folder when none is set."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'feira.sqlite3'}"

    def resolved_broker_url(self) -> str:
        """Return the broker address; `sqlite:///path` stands for the embedded broker."""
        return self.broker_url or f"sqlite:///{self.data_dir.resolve() / 'broker.sqlite3'}"

    def resolved_blob_url(self) -> str:
        """Return the blob store's address."""
        return self.blob_url or (self.data_dir.resolve() / "blobs").as_uri()

    def resolved_datasets_url(self) -> str:
        """Return the address of the store that holds files of data sets."""
        return self.datasets_url or (self.data_dir.resolve() / "datasets").as_uri()

    def resolved_dataset_targets(self) -> list[str]:
        """Return the addresses below which data sets may be delivered."""
        named = [each.strip() for each in self.dataset_targets.split(",") if each.strip()]
        return named or [(self.data_dir.resolve() / "exports").as_uri()]

    def resolved_models_dir(self) -> Path:
        """Return the folder that holds one sub-folder per model."""
        return (self.models_dir or self.data_dir / "models").resolve()

    def snapshots_dir(self) -> Path:
        """Return the folder of index snapshots; it may be deleted at any time."""
        return self.data_dir.resolve() / "index"

    def resolved_secret_key(self) -> str:
        """Return the signing key, making one on first use.

        Raises:
            Misconfigured: the key given is too short to be one.
        """
        if self.secret_key:
            if len(self.secret_key) < 32:
                raise Misconfigured("FEIRA_SECRET_KEY has fewer than 32 characters. Give a longer random value.")
            return self.secret_key
        path = self.data_dir / "secret_key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=self.data_dir, prefix=".secret-") as fresh:
                fresh.write(secrets.token_urlsafe(48))
                fresh.flush()
                # Processes that start together agree on one key, and none reads a half-written one.
                with suppress(FileExistsError):
                    os.link(fresh.name, path)
        return path.read_text().strip()

    def hosts(self) -> list[str]:
        """Return every host name that may be served."""
        named = [host.strip() for host in self.allowed_hosts.split(",") if host.strip()]
        return list(
            dict.fromkeys([urlsplit(self.public_url).hostname or "localhost", "127.0.0.1", "localhost", *named])
        )


def sqlite_path(url: str) -> Path | None:
    """Return the file that a `sqlite:///path` address names, or None for any other address."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        return None
    return Path("/" + unquote(parts.path).lstrip("/"))


@cache
def load_settings() -> Settings:
    """Read the environment once.

    Raises:
        Misconfigured: a variable has a value that cannot be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(f"{ENV_PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"Cannot start with these settings: {faults}.") from error
