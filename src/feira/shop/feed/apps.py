"""The app `feed`."""

from importlib import import_module

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """What belongs beside what, what people like, and their taste."""

    name = "feira.shop.feed"
    label = "feed"

    def ready(self) -> None:
        """Let cards have hearts, and the profile tell about taste."""
        import_module("feira.shop.feed.hearts")
        import_module("feira.shop.feed.profile")
