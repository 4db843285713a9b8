"""The app `feedback`."""

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Remembers what people searched, opened and judged, and lets it count."""

    name = "feira.shop.feedback"
    label = "feedback"
