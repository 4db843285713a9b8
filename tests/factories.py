"""Accounts, photos and listings for tests: real rows, real photo bytes."""

from decimal import Decimal
from typing import Any

import factory

from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account, Seller
from feira.shop.listings import services as listings
from feira.shop.listings.models import Category, Listing
from feira.shop.photos import services as photos
from feira.shop.photos.models import Photo

PASSWORD = "correct horse battery"


class AccountFactory(factory.django.DjangoModelFactory[Account]):
    """Somebody with the password `PASSWORD`."""

    class Meta:
        model = Account
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    display_name = factory.Sequence(lambda n: f"Person {n}")

    @classmethod
    def _create(cls, model_class: type[Account], *args: Any, **kwargs: Any) -> Account:
        return model_class.objects.create_user(*args, **{"password": PASSWORD, **kwargs})


class SellerFactory(factory.django.DjangoModelFactory[Seller]):
    """A seller with an account."""

    class Meta:
        model = Seller

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Seller {n}")
    slug = factory.Sequence(lambda n: f"seller-{n}")


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
    seller = seller or SellerFactory()
    taken = [make_photo(seller.account, colour=colour) for _number in range(photo_count)]
    listing = listings.create_listing(
        seller=seller,
        facts=listings.ListingFacts(
            title=title, category=category or make_category(), price=Decimal(price), currency="EUR", **facts
        ),
        photos_in_order=taken,
    )
    return listings.publish_listing(listing=listing) if publish else listing
