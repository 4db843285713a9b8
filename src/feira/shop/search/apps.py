"""The app `search`."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Finding listings by words, by a photo, or both."""

    name = "feira.shop.search"
    label = "search"
