"""The one door to the engine that the shop's apps share."""

from functools import cache

from feira.engine.client import EngineClient
from feira.settings import load_settings


@cache
def engine() -> EngineClient:
    """Return this process's client of the engine named in the settings."""
    settings = load_settings()
    return EngineClient(settings.engine_url, timeout_s=settings.engine_timeout_s)
