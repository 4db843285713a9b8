"""Listings created, published, changed, sold, archived."""

from dataclasses import replace
from decimal import Decimal

import pytest

from feira.core.errors import Refused
from feira.shop.listings import services
from feira.shop.listings.models import Attribute, Listing
from feira.shop.listings.services import InvalidListing, ListingFacts
from tests.factories import make_category, make_listing, make_photo, make_seller

pytestmark = pytest.mark.django_db


def facts(**changes: object) -> ListingFacts:
    basic = ListingFacts(title="Red shoes", category=make_category(), price=Decimal("12.5"), currency="eur")
    return replace(basic, **changes)  # type: ignore[arg-type] # whatever a test wants to try


def test_a_draft_is_not_public() -> None:
    listing = make_listing(publish=False)
    assert listing.state == Listing.State.DRAFT
    assert not listing.listing_photos.get().photo.is_public


def test_publishing_makes_a_listing_live_and_its_photos_public() -> None:
    listing = make_listing(photo_count=2)
    assert listing.state == Listing.State.LIVE
    assert listing.published_at is not None
    assert all(placed.photo.is_public and placed.photo.searchable for placed in listing.listing_photos.all())


def test_a_listing_without_photos_is_not_published_and_stays_a_draft() -> None:
    listing = make_listing(photo_count=0, publish=False)
    with pytest.raises(InvalidListing) as caught:
        services.publish_listing(listing=listing)
    assert caught.value.field == "photos"
    listing.refresh_from_db()
    assert listing.state == Listing.State.DRAFT


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"price": Decimal(-1)}, "price"),
        ({"price": Decimal(99999999999)}, "price"),
        ({"currency": "euro"}, "currency"),
        ({"condition": "broken"}, "condition"),
        ({"attributes": {"size": "M"}}, "attributes"),
    ],
)
def test_a_wrong_fact_is_refused_by_name_and_nothing_is_kept(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidListing) as caught:
        services.create_listing(seller=make_seller(), facts=facts(**change), photos_in_order=[])
    assert caught.value.field == field
    assert not Listing.objects.exists()


def test_attributes_are_kept_in_the_column_of_their_kind() -> None:
    category = make_category("Cars")
    services.ensure_attribute(code="mileage", kind=Attribute.Kind.NUMBER, unit="km", category=category)
    colour = services.ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=category)
    services.ensure_choice(attribute=colour, value="Blue")
    listing = services.create_listing(
        seller=make_seller(),
        facts=facts(category=category, attributes={"mileage": "85000", "colour": "blue"}),
        photos_in_order=[],
    )
    shown = {value.attribute.code: value.value_text for value in listing.attribute_values.all()}
    assert shown == {"mileage": "85000 km", "colour": "Blue"}
    assert "Blue" in listing.search_text


def test_a_choice_that_does_not_exist_is_refused_with_those_that_do() -> None:
    colour = services.ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=make_category())
    services.ensure_choice(attribute=colour, value="Blue")
    with pytest.raises(InvalidListing, match="Blue"):
        services.create_listing(seller=make_seller(), facts=facts(attributes={"colour": "mauve"}), photos_in_order=[])


def test_many_listings_are_opened_as_if_one_by_one() -> None:
    one, two, three = make_photo(), make_photo(), make_photo()
    category, seller = make_category("Cars"), make_seller()
    services.ensure_attribute(code="mileage", kind=Attribute.Kind.NUMBER, unit="km", category=category)
    fiat = facts(title="Fiat", category=category, attributes={"mileage": "85000"})
    offers = [
        (services.check_listing(seller=seller, facts=fiat, photo_count=2), [two, one]),
        (services.check_listing(seller=seller, facts=facts(title="Hat"), photo_count=1), [three]),
    ]
    car, hat = services.open_listings(offers)
    assert [listing.state for listing in Listing.objects.order_by("pk")] == [Listing.State.LIVE] * 2
    assert [placed.photo for placed in car.listing_photos.all()] == [two, one]
    assert (car.cover, hat.cover) == (two, three)
    assert [value.value_text for value in car.attribute_values.all()] == ["85000 km"]
    assert "Cars" in car.search_text
    assert all(placed.photo.searchable and placed.photo.is_public for placed in car.listing_photos.all())


@pytest.mark.parametrize(
    ("change", "count", "field"), [({}, 0, "photos"), ({}, 13, "photos"), ({"title": ""}, 1, "title")]
)
def test_what_cannot_be_opened_is_refused_when_it_is_checked(change: dict[str, object], count: int, field: str) -> None:
    with pytest.raises(InvalidListing) as caught:
        services.check_listing(seller=make_seller(), facts=facts(**change), photo_count=count)
    assert caught.value.field == field


def test_a_photo_stands_on_one_listing_only() -> None:
    listing = make_listing()
    photo = listing.listing_photos.get().photo
    with pytest.raises(InvalidListing):
        services.create_listing(seller=make_seller(), facts=facts(), photos_in_order=[photo])
    assert Listing.objects.count() == 1


def test_photos_can_be_reordered_and_the_first_is_the_cover() -> None:
    listing = make_listing(photo_count=3)
    photos = [placed.photo for placed in listing.listing_photos.all()]
    services.describe_photo(listing=listing, photo=photos[2], alt="The sole")
    services.change_listing(listing=listing, facts=facts(), photos_in_order=[photos[2], photos[0]])
    assert [placed.photo for placed in listing.listing_photos.all()] == [photos[2], photos[0]]
    assert listing.cover == photos[2]
    assert listing.listing_photos.first().alt == "The sole"  # type: ignore[union-attr]
    photos[1].refresh_from_db()
    assert not photos[1].is_public


def test_a_live_listing_keeps_a_photo() -> None:
    listing = make_listing()
    with pytest.raises(InvalidListing):
        services.change_listing(listing=listing, facts=facts(), photos_in_order=[])
    assert listing.listing_photos.count() == 1


def test_a_sold_listing_leaves_search_but_its_photo_can_be_seen() -> None:
    listing = services.mark_sold(listing=make_listing())
    photo = listing.listing_photos.get().photo
    assert listing.state == Listing.State.SOLD
    assert photo.is_public
    assert not photo.searchable


def test_an_archived_listing_can_be_published_again() -> None:
    listing = services.archive_listing(listing=make_listing())
    assert not listing.listing_photos.get().photo.is_public
    assert services.publish_listing(listing=listing).state == Listing.State.LIVE


def test_a_live_listing_cannot_be_published_twice() -> None:
    with pytest.raises(Refused):
        services.publish_listing(listing=make_listing())


def test_categories_are_made_once_along_their_path() -> None:
    shoes, again = make_category("Clothing", "Shoes"), make_category("clothing", "shoes")
    assert shoes == again
    assert (shoes.path, shoes.depth) == ("clothing/shoes", 1)
