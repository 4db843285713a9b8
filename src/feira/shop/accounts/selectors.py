"""Questions about people."""

import hashlib

from django.db.models import QuerySet

from feira.shop.accounts.models import Account, ApiToken, Seller


def token_digest(secret: str) -> str:
    """Return what is kept of a token; a long random secret needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def token_with_secret(secret: str) -> ApiToken | None:
    """Find the token a program presented, if its account may still sign in."""
    found = ApiToken.objects.select_related("account").filter(digest=token_digest(secret), account__is_active=True)
    return found.first()


def tokens_of(account: Account) -> QuerySet[ApiToken]:
    """List an account's own tokens, newest first."""
    return ApiToken.objects.filter(account=account).order_by("-created_at", "-pk")


def seller_of(account: Account) -> Seller | None:
    """Return the seller this account is, if it ever offered something."""
    return Seller.objects.filter(account=account).first()
