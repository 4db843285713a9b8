"""The app `search`."""

from importlib import import_module

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Finding listings by words, by a photo, or both."""

    name = "feira.shop.search"
    label = "search"

    def ready(self) -> None:
        """Look after the keyword index whenever tables were changed."""
        import_module("feira.shop.search.upkeep")
