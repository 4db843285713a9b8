"""A typed client of the shop's public API, for scripts and notebooks.

from feira.client import Client

with Client("http://127.0.0.1:8000", token="feira_…") as shop:
    photo = shop.photos.upload("shoes.jpg")
    shop.listings.create(
        title="Red shoes", category="clothing/shoes", price="25.00", photos=[photo.id], publish=True
    )
    for card in shop.search("red shoes", photo=b"…"):
        print(card.title, card.price_text)
"""

from feira.client.errors import (
    Busy,
    Conflict,
    FeiraApiError,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotUnderstood,
    Unreachable,
)
from feira.client.records import Card, Category, Listing, Me, OwnPhoto, Photo, Relaxed, Result, Token
from feira.client.shop import Client, SearchResults

__all__ = [
    "Busy",
    "Card",
    "Category",
    "Client",
    "Conflict",
    "FeiraApiError",
    "Invalid",
    "Listing",
    "Me",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NotUnderstood",
    "OwnPhoto",
    "Photo",
    "Relaxed",
    "Result",
    "SearchResults",
    "Token",
    "Unreachable",
]
