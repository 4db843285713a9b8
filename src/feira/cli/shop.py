"""Starting Django for the commands that need the shop."""

import os

import django

from feira.core.errors import Misconfigured
from feira.settings import load_settings
from feira.shop.web.logs import configure_logs


def start_django() -> None:
    """Set Django up with the shop's settings; harmless when it is already.

    Raises:
        Misconfigured: a setting is missing or wrong.
    """
    settings = load_settings()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feira.shop.config.settings")
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"The data folder {settings.data_dir} cannot be made: {error.strerror}.") from error
    configure_logs(settings)
    django.setup()
