"""The panel about taste on the profile page; imported once the apps are ready."""

from feira.shop.accounts.models import Account
from feira.shop.accounts.profile_parts import Part, profile_part
from feira.shop.feed.for_you import taste_known_of


@profile_part
def tell_taste(account: Account) -> Part:
    """Tell somebody what is known of their taste, in one query."""
    return Part("feed/_taste.html", taste_known_of(account))
