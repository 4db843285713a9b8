"""The one door to the engine that the shop's apps share."""

from functools import cache

from feira.engine.client import EngineClient
from feira.settings import load_settings

_instead: list[str] = []


@cache
def engine() -> EngineClient:
    """Return this process's client of the engine named in the settings, or by `ask_engine_at`."""
    settings = load_settings()
    address = _instead[-1] if _instead else settings.engine_url
    return EngineClient(address, timeout_s=settings.engine_timeout_s)


def ask_engine_at(address: str) -> None:
    """Let this process ask the engine at another address than the settings name, from now on.

    For commands: what they are told by their user, or find running, goes before the settings.
    """
    former = engine()
    if former.url != address.rstrip("/"):
        former.close()
        engine.cache_clear()
        _instead[:] = [address]
