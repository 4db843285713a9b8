"""The app `insight`."""

from importlib import import_module

from django.apps import AppConfig


class InsightConfig(AppConfig):
    """Pages about queries and learned parts, and the training of the query ranker."""

    name = "feira.shop.insight"
    label = "insight"

    def ready(self) -> None:
        """Let the team that reads these pages be made."""
        import_module("feira.shop.insight.teams")
