"""Dummy listings: drawn from a seed and a number, with real photos, to try a shop out before it has goods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feira.core.datasets.drawn.catalogue import DrawnListing, draw_listing
from feira.core.datasets.drawn.plan import DrawPlan
from feira.core.images.prepared import PreparedPhoto
from feira.shop.accounts.models import Seller
from feira.shop.listings.imports import Known, facts_from, seller_named
from feira.shop.listings.models import Listing
from feira.shop.listings.services import check_listing, open_listings
from feira.shop.photos import services as photos

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn listing whose photos were prepared and stored; it is not for sale so far."""

    number: int
    drawn: DrawnListing
    photos: tuple[PreparedPhoto, ...]


def numbers(count: int) -> list[str]:
    """Return the names of so many listings to draw."""
    return [str(number) for number in range(count)]


def draw(names: Sequence[str], *, seed: int, plan: Mapping[str, Any]) -> list[Drawn]:
    """Draw listings and store their photos: the slow part, outside any transaction.

    Args:
        plan: as `DrawPlan.from_dict` takes it.
    """
    drawn_by, made = DrawPlan.from_dict(plan), []
    for number in map(int, names):
        drawn = draw_listing(number, seed=seed, plan=drawn_by)
        prepared = [photos.prepare_photo(content) for content in drawn.photos]
        for photo, content in zip(prepared, drawn.photos, strict=True):
            photos.store_bytes(photo, content=content)
        made.append(Drawn(number, drawn, tuple(prepared)))
    return made


def keep(made: Sequence[Drawn], *, seller: Seller) -> dict[str, int]:
    """Put drawn listings up for sale, in the caller's transaction; return their numbers by name.

    One that is there already, from the same seed, stays as it is.
    """
    references = [each.drawn.key for each in made]
    there = Listing.objects.filter(seller=seller, reference__in=references).order_by("-pk")
    known = dict(there.values_list("reference", "pk"))
    fresh = [each for each in made if each.drawn.key not in known]
    common, offers = Known(), []
    rows = photos.add_photos([photo for each in fresh for photo in each.photos], owner=None)
    rest = iter(rows)
    for each in fresh:
        checked = check_listing(seller=seller, facts=facts_from(_record(each.drawn), common), photo_count=1)
        checked.listing.reference = each.drawn.key
        offers.append((checked, [next(rest) for _photo in each.photos]))
    opened = open_listings(offers)
    photos.ask_for_embeddings([photo.pk for photo in rows])
    known |= {listing.reference: listing.pk for listing in opened}
    return {str(each.number): known[each.drawn.key] for each in made}


def dummy_seller(name: str) -> Seller:
    """Return the seller of this name that is nobody's account, making it if need be."""
    return seller_named(name)


def _record(drawn: DrawnListing) -> dict[str, Any]:
    return {
        "title": drawn.title,
        "description": drawn.description,
        "category": list(drawn.category),
        "price": str(drawn.price),
        "condition": drawn.condition,
        "attributes": {code: text for code, text in drawn.attributes.items() if code != "kind"},
    }
