"""What people do with their accounts."""

import secrets
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from feira.shop.accounts.models import Account, ApiToken, Seller
from feira.shop.accounts.selectors import token_digest

TOKEN_PREFIX = "feira_"  # noqa: S105 - tells leaked tokens apart, is not one
USE_IS_NOTED_EVERY = timedelta(minutes=5)
SESSIONS_AT_ONCE = 500


def account_with_password(*, email: str, password: str) -> Account | None:
    """Return the account that may sign in with this address and password.

    An unknown address costs as much time as a wrong password, so that nobody can tell one from the other.
    """
    account = Account.objects.filter(email__iexact=email).first()
    if account is None:
        make_password(password)
        return None
    return account if account.check_password(password) and account.is_active else None


@transaction.atomic
def become_seller(*, account: Account) -> Seller:
    """Return the seller this account is, making one on the first offer."""
    existing = Seller.objects.filter(account=account).first()
    if existing:
        return existing
    return create_seller(name=account.get_full_name(), account=account)


def create_seller(*, name: str, account: Account | None = None) -> Seller:
    """Make a seller with a free slug."""
    base = slugify(name)[:70] or "seller"
    slug = base
    while Seller.objects.filter(slug=slug).exists():
        slug = f"{base}-{secrets.token_hex(3)}"
    return Seller.objects.create(account=account, name=name, slug=slug)


@transaction.atomic
def change_profile(*, account: Account, display_name: str, about: str = "", location: str = "") -> None:
    """Change the name shown to others, and the seller's page along with it."""
    account.display_name = display_name
    account.save(update_fields=["display_name"])
    if seller := Seller.objects.filter(account=account).first():
        seller.name, seller.about, seller.location = account.get_full_name(), about, location
        seller.save(update_fields=["name", "about", "location"])


def issue_token(*, account: Account, name: str) -> tuple[ApiToken, str]:
    """Make a token; its secret is returned once and never again."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(account=account, name=name, digest=token_digest(secret), hint=secret[:12])
    return token, secret


def note_token_use(*, token: ApiToken) -> None:
    """Remember when a token was used, to the nearest minutes: a write per request would be too much."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def revoke_token(*, account: Account, token_id: int) -> bool:
    """Take an own token back; tell whether there was one."""
    return ApiToken.objects.filter(account=account, pk=token_id).delete()[0] > 0


def forget_ended_sessions() -> int:
    """Delete some hundred sessions that have ended, the longest ended first; return how many, 0 when there are none.

    In short statements of their own: signing in, which writes to the same table, does not wait for all of them.
    """
    ended = Session.objects.filter(expire_date__lt=timezone.now())
    some = list(ended.order_by("expire_date").values_list("pk", flat=True)[:SESSIONS_AT_ONCE])
    # By the date again: whoever came back in between has a session that goes on.
    ended.filter(pk__in=some).delete()
    return len(some)
