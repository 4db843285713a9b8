"""The app `feed`."""

from importlib import import_module

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """What belongs beside what, and what people like."""

    name = "feira.shop.feed"
    label = "feed"

    def ready(self) -> None:
        """Let cards have hearts."""
        import_module("feira.shop.feed.hearts")
