"""What an encoder that takes over does with tags: its classifiers say them anew, and people's word stays."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from feira.core.encoders.heads import HEADS_NAME, Head, Heads
from feira.core.images.colours import COLOURS_VERSION
from feira.engine.service import Engine
from feira.shop.listings import tagging
from feira.shop.listings.models import Listing, ListingTag
from feira.shop.listings.tags import TagName, tags_of
from feira.shop.photos import swap
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import ServedEncoder
from tests.engine.conftest import until
from tests.factories import make_listing
from tests.shop.photos.test_swap import is_served, run_jobs

OLD, NEW = "named-colours", "brightness"
SETTLED = timedelta(minutes=1)
KIND, USE = "kind", "use"
RED = (200, 20, 24)


@pytest.fixture
def live(transactional_db: None, tmp_path: Path) -> ServedEncoder:
    """Each encoder has classifiers of its own, which are sure of one thing about every photo, and of wool."""
    for name, dim, head, sure in ((OLD, 64, KIND, "kurta"), (NEW, 3, USE, "festive")):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        bias = np.array([5, 0], dtype=np.float32)
        weights = np.zeros((2, dim), dtype=np.float32)
        heads = {head: Head((sure, "zebra"), weights, bias), "fabric": Head(("wool", "zinc"), weights, bias)}
        (folder / HEADS_NAME).write_bytes(Heads(name, heads).pack())
    return swap.settle(OLD, OLD)


def tags(listing: Listing) -> set[tuple[str, str, str]]:
    return {(tag["group"], tag["name"], tag["source"]) for tag in tags_of([listing.pk]).get(listing.pk, [])}


def look_again() -> None:
    """Do what the periodic job does, as it would once listings have been left alone for a while."""
    tagging.tag_what_lacks_tags(now=timezone.now() + SETTLED)
    run_jobs()


def test_the_new_encoder_says_the_tags_anew_and_what_the_seller_said_stays(swapping_engine: Engine) -> None:
    plain, edited = make_listing(title="Plain", colour=RED), make_listing(title="Edited", colour=RED)
    run_jobs()
    wool, kurta, handmade = TagName("fabric", "wool"), TagName(KIND, "kurta"), TagName("keyword", "handmade")
    by_old = {("colour", "red", "machine"), (KIND, "kurta", "machine"), ("fabric", "wool", "machine")}
    assert tags(plain) == tags(edited) == by_old
    # This seller takes the wool off, says "handmade", and puts "kurta" back by hand, so that it is theirs.
    red = TagName("colour", "red")
    tagging.set_tags(listing=edited, wanted=[red])
    tagging.set_tags(listing=edited, wanted=[red, kurta, handmade])

    swap.begin(NEW, NEW)
    until(lambda: is_served(NEW))
    run_jobs()
    until(lambda: shop_engine().status().encoder_id == NEW)
    look_again()
    by_new = {("colour", "red", "machine"), (USE, "festive", "machine"), ("fabric", "wool", "machine")}
    assert tags(plain) == by_new
    own = {(KIND, "kurta", "seller"), ("keyword", "handmade", "seller")}
    assert tags(edited) == by_new - {("fabric", "wool", "machine")} | own
    assert ListingTag.objects.get(listing=edited, name=wool.name).removed_at is not None
    made_by = set(ListingTag.objects.filter(source="machine", removed_at=None).values_list("made_by", flat=True))
    assert made_by == {COLOURS_VERSION, NEW}

    swap.roll_back()
    until(lambda: shop_engine().status().encoder_id == OLD)
    look_again()
    assert tags(plain) == by_old
    assert tags(edited) == {("colour", "red", "machine"), *own}
    assert tagging.tag_what_lacks_tags(now=timezone.now() + SETTLED) == 0
