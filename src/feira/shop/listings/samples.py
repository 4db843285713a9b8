"""What a sample catalogue makes up for photos that come without a word: titles, prices, sellers.

Everything is drawn from the record's key, so that the same photos give the same shop. Nothing describes what the photo
shows beyond its category: colours and patterns are for the picture search to find.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from feira.shop.listings.records import Record

SELLERS = (
    "Second Wind",
    "Lena’s wardrobe",
    "The Blue Door",
    "Marisol",
    "Attic & Co",
    "Tomás vende",
    "Kindly Worn",
    "Corner Rail",
    "Old Mill Market",
    "Agnes",
    "Sunday Stall",
    "Rua Nova",
)
OPENINGS = (
    "Everyday",
    "Favourite",
    "Comfortable",
    "Well-kept",
    "Simple",
    "Weekend",
    "Easy-going",
    "Trusty",
    "Barely worn",
)
CLOSINGS = (
    "Washed and ready to wear.",
    "Bought last year and worn a few times.",
    "It no longer fits me, and deserves a second life.",
    "From a smoke-free home.",
    "Pick up or post, as you like.",
    "Small signs of wear, nothing that shows.",
)
SIZES = ("XS", "S", "M", "L", "XL")
SHOE_SIZES = tuple(str(size) for size in range(36, 46))
PRICES = {
    "dress": (15, 70),
    "hat": (5, 25),
    "longsleeve": (8, 30),
    "outwear": (25, 120),
    "pants": (12, 45),
    "shirt": (8, 35),
    "shoes": (15, 80),
    "shorts": (7, 25),
    "skirt": (8, 35),
    "t-shirt": (4, 18),
}
NAMES = {"longsleeve": "long-sleeved top", "outwear": "jacket", "pants": "trousers"}
WITHOUT_SIZE = {"hat"}


def with_sample_facts(records: Iterable[Record]) -> Iterator[Record]:
    """Fill in what the records of a photo folder lack; what they say themselves stays."""
    for record in records:
        yield Record(record.key, {**_made_up(record), **_said(record)})


def _said(record: Record) -> dict[str, Any]:
    """A folder's title is only its name: a made-up one reads better."""
    is_bare = set(record.fields) == {"title", "category", "photos"}
    return {name: value for name, value in record.fields.items() if not (is_bare and name == "title")}


def _made_up(record: Record) -> dict[str, Any]:
    chance = random.Random(f"sample:{record.key}")
    kind = str(record.fields["category"][-1]).lower()
    name = NAMES.get(kind, kind)
    low, high = PRICES.get(kind, (5, 60))
    facts: dict[str, Any] = {
        "title": f"{chance.choice(OPENINGS)} {name}",
        "description": " ".join(chance.sample(CLOSINGS, 2)),
        "price": f"{chance.randint(low * 2, high * 2) / 2:.2f}",
        "condition": chance.choice(("like_new", "good", "good", "good", "fair")),
        "seller": chance.choice(SELLERS),
    }
    if kind in PRICES and kind not in WITHOUT_SIZE:
        facts["attributes"] = {"size": chance.choice(SHOE_SIZES if kind == "shoes" else SIZES)}
    return facts
