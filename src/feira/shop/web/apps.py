"""The shared room of all apps."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Holds template tags and nothing that is stored."""

    name = "feira.shop.web"
    label = "web"
