"""Accounts, photos and listings for tests: real rows, real photo bytes."""

from decimal import Decimal
from itertools import count
from typing import Any

from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account, Seller
from feira.shop.listings import services as listings
from feira.shop.listings.models import Category, Listing
from feira.shop.photos import services as photos
from feira.shop.photos.models import Photo

PASSWORD = "correct horse battery"


_numbers = count(1)


def make_account(**fields: Any) -> Account:
    """Make somebody with the password `PASSWORD`."""
    number = next(_numbers)
    common = {"email": f"person{number}@example.org", "display_name": f"Person {number}", "password": PASSWORD}
    return Account.objects.create_user(**{**common, **fields})


def make_seller(**fields: Any) -> Seller:
    """Make a seller with an account."""
    number = next(_numbers)
    account = fields.pop("account", None) or make_account()
    return Seller.objects.create(
        **{"account": account, "name": f"Seller {number}", "slug": f"seller-{number}", **fields}
    )


def owner_of(seller: Seller) -> Account:
    """Return the account behind a seller that has one."""
    assert seller.account is not None
    return seller.account


def make_category(*names: str) -> Category:
    """Return the category under these names."""
    return listings.category_at(names or ("Clothing", "Shoes"))


def make_photo(owner: Account | None = None, *, colour: tuple[int, int, int] = (180, 60, 40), **look: Any) -> Photo:
    """Take a real photo of one colour."""
    return photos.take_photo(content=photo_bytes(colour=colour, **look), owner=owner)


def make_listing(
    seller: Seller | None = None,
    *,
    title: str = "Red shoes",
    price: str = "12.50",
    category: Category | None = None,
    photo_count: int = 1,
    publish: bool = True,
    colour: tuple[int, int, int] = (180, 60, 40),
    **facts: Any,
) -> Listing:
    """Make a listing with real photos, live unless said otherwise."""
    seller = seller or make_seller()
    taken = [make_photo(seller.account, colour=colour) for _number in range(photo_count)]
    listing = listings.create_listing(
        seller=seller,
        facts=listings.ListingFacts(
            title=title, category=category or make_category(), price=Decimal(price), currency="EUR", **facts
        ),
        photos_in_order=taken,
    )
    return listings.publish_listing(listing=listing) if publish else listing
