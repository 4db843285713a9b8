"""Customers of three planted behaviours: who likes cheap bags, who opens dear lamps, and who sells."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from feira.shop.accounts.models import Account, Seller
from feira.shop.feed.models import Like
from feira.shop.feedback.models import Click
from feira.shop.feedback.people import visitor_of_account
from feira.shop.listings.models import Category, Listing
from feira.shop.listings.services import category_at

BAGS, LAMPS, SELLERS = "bags", "lamps", "sellers"


def plant_customers(
    *, likers: int = 24, lookers: int = 18, sellers: int = 12, seed: int = 0, catalogue: Sequence[Listing] = ()
) -> dict[str, list[Account]]:
    """Make customers and what they did; `catalogue` has listings with photos for the first of the bags."""
    draw, now = random.Random(seed), timezone.now()
    stall = Seller.objects.create(name=f"Planted stall {seed}", slug=f"planted-stall-{seed}")
    bags = [*catalogue, *_listings(stall, category_at(("Bags",)), range(8, 24), now)]
    lamps = _listings(stall, category_at(("Home", "Lamps")), range(180, 280, 6), now)
    shoes = category_at(("Clothing", "Shoes"))
    people = {
        BAGS: _accounts("bags", likers, now - timedelta(days=60), seed),
        LAMPS: _accounts("lamps", lookers, now - timedelta(days=300), seed),
        SELLERS: _accounts("sellers", sellers, now - timedelta(days=500), seed),
    }
    likes, clicks = [], []
    for account in people[BAGS]:
        liked = draw.sample(bags, draw.randint(8, 14))
        likes += [
            Like(account=account, listing=bag, created_at=now - timedelta(days=draw.uniform(0, 4))) for bag in liked
        ]
    for account in people[LAMPS]:
        for lamp in draw.sample(lamps, draw.randint(6, 12)):
            at = now - timedelta(days=draw.uniform(88, 120))
            visitor = visitor_of_account(account.pk)
            clicks.append(Click(key="lamp", listing=lamp, position=1, visitor=visitor, at=at))
    Like.objects.bulk_create(likes)
    Click.objects.bulk_create(clicks)
    for account in people[SELLERS]:
        seller = Seller.objects.create(account=account, name=account.display_name, slug=f"planted-{account.pk}")
        offered = _listings(
            seller, shoes, range(30, 30 + draw.randint(6, 12)), now - timedelta(days=draw.uniform(8, 25))
        )
        Listing.objects.filter(pk__in=[listing.pk for listing in offered[::2]]).update(state=Listing.State.SOLD)
    return people


def _accounts(name: str, count: int, joined: datetime, seed: int) -> list[Account]:
    made = [
        Account(
            email=f"{name}{number}-{seed}@example.org",
            display_name=f"{name.capitalize()} {number}",
            password="!",
            date_joined=joined + timedelta(hours=number),
        )
        for number in range(count)
    ]
    return Account.objects.bulk_create(made)


def _listings(seller: Seller, category: Category, prices: range, at: datetime) -> list[Listing]:
    made = [
        Listing(
            seller=seller,
            category=category,
            title=f"{category.name} for {price}",
            price=Decimal(price),
            currency="EUR",
            state=Listing.State.LIVE,
            published_at=at,
            created_at=at,
        )
        for price in prices
    ]
    return Listing.objects.bulk_create(made)
