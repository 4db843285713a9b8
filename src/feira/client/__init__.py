"""A typed client of the shop's public API, for scripts and notebooks.

from feira.client import Client

with Client("http://127.0.0.1:8000", token="feira_…") as shop:
    photo = shop.photos.upload("shoes.jpg")
    shop.listings.create(
        title="Red shoes", category="clothing/shoes", price="25.00", photos=[photo.id], publish=True
    )
    for card in shop.search("red shoes", photo=b"…"):
        print(card.title, card.price_text)
    folder = shop.datasets.create(filters={"category": "clothing/shoes"}).wait(progress=True).download("shoes")
"""

from feira.client.dataset_records import DataSetFilters, DataSetWish, Difference, Estimate
from feira.client.datasets import DataSet, DataSets
from feira.client.errors import (
    Busy,
    Conflict,
    Damaged,
    Expired,
    FeiraApiError,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotUnderstood,
    Unreachable,
    WorkFailed,
)
from feira.client.jobs import Job, JobItem, JobLine
from feira.client.progress import Progress
from feira.client.records import (
    Because,
    Card,
    Category,
    Listing,
    Me,
    OwnPhoto,
    Photo,
    Recommended,
    Relaxed,
    Result,
    Taste,
    Token,
)
from feira.client.shop import Client, SearchResults

__all__ = [
    "Because",
    "Busy",
    "Card",
    "Category",
    "Client",
    "Conflict",
    "Damaged",
    "DataSet",
    "DataSetFilters",
    "DataSetWish",
    "DataSets",
    "Difference",
    "Estimate",
    "Expired",
    "FeiraApiError",
    "Invalid",
    "Job",
    "JobItem",
    "JobLine",
    "Listing",
    "Me",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NotUnderstood",
    "OwnPhoto",
    "Photo",
    "Progress",
    "Recommended",
    "Relaxed",
    "Result",
    "SearchResults",
    "Taste",
    "Token",
    "Unreachable",
    "WorkFailed",
]
