"""The app of listings."""

from django.apps import AppConfig


class ListingsConfig(AppConfig):
    """Categories, attributes, listings, imports."""

    name = "feira.shop.listings"
    label = "listings"
