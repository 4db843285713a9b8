"""The app `feedback`."""

from importlib import import_module

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Remembers what people searched, opened and judged, and lets it count."""

    name = "feira.shop.feedback"
    label = "feedback"

    def ready(self) -> None:
        """Let the team that reads feedback be made."""
        import_module("feira.shop.feedback.teams")
