"""Who gives feedback, with no more about them than it takes to count nobody twice."""

import secrets
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from feira.shop.accounts.models import Account

SESSION_KEY = "feedback_visitor"


@dataclass(frozen=True, slots=True)
class Person:
    """An account or a browser, and where it is.

    Attributes:
        account_id: None for guests.
        visitor: keyed hash of the account or of a random number in the session; empty for a guest without a session.
        origin: keyed hash of the network address. Neither hash can be turned back without the shop's secret.
    """

    account_id: int | None
    visitor: str
    origin: str

    @property
    def name(self) -> str:
        """What tells this person from others: a guest without a session is known by the address alone."""
        return self.visitor or f"at {self.origin}"


def person_of(request: HttpRequest | Request, *, remembered: bool = False) -> Person:
    """Return who sends the request.

    Args:
        remembered: give a guest's session a random number, so that this browser is known again. Only for those who
            say something: a search alone sets no cookie.
    """
    # Whose user is read first: a DRF request made of a page's request would replace it.
    user = request.user
    address = BaseThrottle().get_ident(request if isinstance(request, Request) else Request(request))
    if isinstance(user, Account):
        return Person(user.pk, visitor_of_account(user.pk), _hashed("origin", address))
    session = getattr(request, "session", None)
    number = session.get(SESSION_KEY, "") if session is not None else ""
    if not number and remembered and session is not None:
        number = session[SESSION_KEY] = secrets.token_hex(16)
    return Person(None, _hashed("guest", number) if number else "", _hashed("origin", address))


def visitor_of_account(account_id: int) -> str:
    """Return the hash under which an account's searches and clicks are kept, to find them when they must go."""
    return _hashed("account", str(account_id))


def _hashed(kind: str, value: str) -> str:
    return salted_hmac(f"feira.feedback.{kind}", value, algorithm="sha256").hexdigest()[:32]
