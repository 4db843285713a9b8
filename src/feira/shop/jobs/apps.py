"""The app of jobs."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    """Reads the `tasks` module of every installed app, so that each process knows every kind of job."""

    name = "feira.shop.jobs"
    label = "jobs"

    def ready(self) -> None:
        """Let the apps register their kinds, subscriptions and periodic work, and offer their services."""
        autodiscover_modules("tasks")
        autodiscover_modules("offers")
