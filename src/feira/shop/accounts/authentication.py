"""API tokens as bearer credentials."""

from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from feira.shop.accounts.models import Account, ApiToken
from feira.shop.accounts.selectors import token_with_secret
from feira.shop.accounts.services import note_token_use

BEARER_CHALLENGE = 'Bearer realm="feira"'


def account_of(request: Request) -> Account:
    """Return who sends the request.

    Raises:
        NotAuthenticated: nobody is signed in.
    """
    if not isinstance(request.user, Account):
        raise exceptions.NotAuthenticated
    return request.user


class BearerTokenAuthentication(authentication.BaseAuthentication):
    """Reads `Authorization: Bearer feira_…`; a wrong token is refused, no token is left to the next method."""

    def authenticate(self, request: Request) -> tuple[Account, ApiToken] | None:
        """Return the account and its token."""
        keyword, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if keyword.lower() != "bearer":
            return None
        token = token_with_secret(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(_("This token is unknown or was taken back. Make a new one."))
        note_token_use(token=token)
        return token.account, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - fixed by DRF
        """Make DRF answer 401, not 403, when nobody is signed in."""
        return BEARER_CHALLENGE
