"""The app `feed`."""

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """What belongs beside what, and what people like."""

    name = "feira.shop.feed"
    label = "feed"
