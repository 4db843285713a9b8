import io
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from feira.core.datasets.drawn import DrawnListing, DrawPlan, draw_catalogue, draw_listing
from feira.core.datasets.drawn.palette import COLOURS
from feira.core.datasets.drawn.patterns import PATTERNS
from feira.core.datasets.drawn.plan import KINDS
from feira.core.errors import SourceError
from feira.core.images.prepared import prepare_photo

SOURCE = Path(__file__).resolve().parents[3] / "src"


@pytest.fixture(scope="module")
def listings() -> list[DrawnListing]:
    return list(draw_catalogue(48, seed=5))


def digest(listing: DrawnListing) -> str:
    return sha256(b"".join(listing.photos) + repr(listing).encode()).hexdigest()


def test_a_listing_depends_on_seed_and_number_alone(listings: list[DrawnListing]) -> None:
    for number in (40, 3, 17):
        assert draw_listing(number, seed=5) == listings[number]
    assert draw_listing(3, seed=6) != listings[3]


def test_another_process_draws_the_same_bytes(listings: list[DrawnListing]) -> None:
    program = (
        "from hashlib import sha256; from feira.core.datasets.drawn import draw_listing\n"
        "for number in (11, 2):\n"
        "    listing = draw_listing(number, seed=5)\n"
        "    print(sha256(b''.join(listing.photos) + repr(listing).encode()).hexdigest())"
    )
    environment = {"PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": "99"}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == [digest(listings[11]), digest(listings[2])]


def test_every_kind_colour_and_pattern_comes_up(listings: list[DrawnListing]) -> None:
    assert Counter(listing.attributes["kind"].lower() for listing in listings) == dict.fromkeys(KINDS, 4)
    assert {listing.attributes["pattern"] for listing in listings} == set(PATTERNS)
    assert len({listing.attributes["colour"] for listing in listings}) > 10
    assert {len(listing.photos) for listing in listings} == {1, 2}


def test_photos_are_ordinary_uploads(listings: list[DrawnListing]) -> None:
    for listing in listings[:12]:
        for content in listing.photos:
            photo = prepare_photo(content)
            assert (photo.format, photo.width, photo.height) == ("jpeg", 640, 800)


def test_keys_are_unique_and_so_are_photos(listings: list[DrawnListing]) -> None:
    photos = [photo for listing in listings for photo in listing.photos]
    assert len({listing.key for listing in listings}) == len(listings)
    assert len(set(photos)) == len(photos)


def test_words_say_what_the_attributes_say(listings: list[DrawnListing]) -> None:
    for listing in listings:
        title = listing.title.lower()
        assert listing.attributes["colour"] in title
        assert listing.attributes["pattern"] in (*title.split(), "plain")
        assert 10 < len(title) < 90
        assert listing.attributes["colour"] in listing.description.lower()
        assert listing.category == KINDS[listing.attributes["kind"].lower()].category
        assert "  " not in listing.title + listing.description


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_colour_that_is_named_is_the_colour_that_is_seen(kind: str) -> None:
    plan = DrawPlan.from_dict({kind: {}})
    plain = (draw_listing(number, seed=1, plan=plan) for number in range(200))
    seen = next(listing for listing in plain if listing.attributes["pattern"] == "plain")
    with Image.open(io.BytesIO(seen.photos[0])) as photo:
        pixels = np.asarray(photo, np.float64).reshape(-1, 3)
    # Light and shadow change how bright a colour is more than which colour it is.
    named = np.array(COLOURS[seen.attributes["colour"]], np.float64)
    lengths = np.linalg.norm(pixels, axis=1) * np.linalg.norm(named)
    alike = pixels @ named / np.maximum(lengths, 1) > 0.994
    near = np.abs(pixels.mean(axis=1) - named.mean()) < 50
    assert (alike & near).mean() > 0.03


def test_a_plan_sets_counts_and_prices() -> None:
    values = json.loads('{"mug": {"count": 3, "price": ["7.25", 9]}, "Chair": {"count": 1}, "vase": {"count": 0}}')
    drawn = list(draw_catalogue(8, seed=1, plan=DrawPlan.from_dict(values)))
    assert Counter(listing.attributes["kind"] for listing in drawn) == {"mug": 6, "chair": 2}
    prices = [listing.price for listing in drawn if listing.attributes["kind"] == "mug"]
    assert all(Decimal("7.25") <= price <= 9 for price in prices)
    assert all(price == price.quantize(Decimal("0.01")) for price in prices)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"spaceship": {}}, "spaceship"),
        ({"mug": {"count": -1}}, "-1"),
        ({"mug": {"count": 0}}, "no listing"),
        ({"mug": {"price": [9, 3]}}, "lower one first"),
        ({"mug": {"price": ["cheap", 3]}}, "two numbers"),
        ({"mug": {"colour": "red"}}, "count"),
        ({"mug": 3}, "count"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_in_words(values: dict[str, Any], word: str) -> None:
    with pytest.raises(SourceError, match=word):
        DrawPlan.from_dict(values)
