"""The app `storefront`."""

from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    """The pages that bring several rooms together: home, a listing, selling."""

    name = "feira.shop.storefront"
    label = "storefront"
