"""What a view is given once somebody has signed in."""

from feira.shop.accounts.models import Account
from feira.shop.web.requests import PageRequest


class SignedInRequest(PageRequest):
    """The request behind `login_required`."""

    user: Account
