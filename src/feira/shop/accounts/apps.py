"""The app of people."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Accounts, sellers, API tokens."""

    name = "feira.shop.accounts"
    label = "accounts"
