"""How allauth behaves in this shop."""

from allauth.account.adapter import DefaultAccountAdapter

from feira.shop.accounts.models import Account


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth ships no types
    """Accounts have no user name, only an address and a name shown to others."""

    def populate_username(self, request: object, user: Account) -> None:
        """Leave out the user name, which an account has not."""
