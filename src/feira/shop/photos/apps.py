"""The app of photos."""

from django.apps import AppConfig


class PhotosConfig(AppConfig):
    """Photos know nothing of listings: they are taken first and attached later."""

    name = "feira.shop.photos"
    label = "photos"
