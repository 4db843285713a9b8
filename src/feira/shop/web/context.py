"""What every template may use."""

from typing import Any

from django.http import HttpRequest

from feira.settings import load_settings


def site(_request: HttpRequest) -> dict[str, Any]:
    """Return the shop's name and public address."""
    settings = load_settings()
    return {"site_name": settings.site_name, "public_url": settings.public_url}
