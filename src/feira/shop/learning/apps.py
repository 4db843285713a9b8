"""The app `learning`."""

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """Keeps learned parts, their versions, and who let them serve."""

    name = "feira.shop.learning"
    label = "learning"
