"""What rooms above the accounts tell on the profile page, without the accounts knowing those rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from feira.shop.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Part:
    """A panel of the profile page: its template, which finds `facts` as `part.facts`."""

    template: str
    facts: Any


Teller = Callable[[Account], Part]

_tellers: list[Teller] = []


def profile_part(tell: Teller) -> Teller:
    """Let a function add a panel to the profile page; it may make one query."""
    if tell not in _tellers:
        _tellers.append(tell)
    return tell


def parts_for(account: Account) -> list[Part]:
    """Return the panels for an account, in the order in which they were registered."""
    return [tell(account) for tell in _tellers]
