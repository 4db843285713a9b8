"""Where models come from and what may be fetched: the settings, and the variables that the hub's own tools use."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from feira.core.errors import Misconfigured
from feira.settings import Settings

PUBLIC_HUB = "https://huggingface.co"
_TRUE = {"1", "true", "yes", "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """One hub.

    Attributes:
        url: its address without a slash at the end.
        token: sent to this address alone, and never shown.
        offline: fetch nothing.
        max_bytes: largest single file.
        first_wait_s: before the second attempt; doubled before each further one.
    """

    url: str = PUBLIC_HUB
    token: str = field(default="", repr=False)
    offline: bool = False
    max_bytes: int = 8_000_000_000
    first_wait_s: float = 0.5

    @property
    def allows_http(self) -> bool:
        """Whether plain http may be spoken: only where the mirror that was set speaks it."""
        return urlsplit(self.url).scheme == "http"


def hub_config(settings: Settings, environ: Mapping[str, str] = os.environ) -> HubConfig:
    """Return what the settings say, else HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.

    Raises:
        Misconfigured: the address is none.
    """
    url = (settings.hub_url or environ.get("HF_ENDPOINT", "") or PUBLIC_HUB).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise Misconfigured("FEIRA_HUB_URL is no address of a hub. Give one as in https://hub.example.org.")
    return HubConfig(
        url=url,
        token=settings.hub_token or environ.get("HF_TOKEN", ""),
        offline=settings.offline or environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE,
        max_bytes=settings.hub_max_bytes,
    )
