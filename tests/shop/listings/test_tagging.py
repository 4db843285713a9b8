from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from feira.core.images.colours import COLOURS_VERSION
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.listings import services, tagging
from feira.shop.listings.models import Attribute, Listing, ListingTag
from feira.shop.listings.seeing import SeenTag, as_classified, colours_seen, merged
from feira.shop.listings.selectors import ListingFilter, listing_in_full, live_listings, tags_shown
from feira.shop.listings.services import InvalidListing
from feira.shop.listings.tags import MOST_TAGS, TagName, tag_name, tags_of
from feira.shop.photos.engine import engine as shop_engine
from feira.shop.photos.models import Photo
from feira.shop.photos.services import store_embeddings
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import Searcher
from feira.shop.search.services import search_listings
from tests.factories import make_category, make_listing, make_photo, make_seller

pytestmark = pytest.mark.django_db

RED, BLUE = (200, 20, 24), (28, 60, 190)
LATER = timedelta(minutes=1)


def names_of(listing: Listing) -> list[tuple[str, str, str]]:
    return [(tag["group"], tag["name"], tag["source"]) for tag in tags_of([listing.pk]).get(listing.pk, [])]


def found(text: str) -> list[int]:
    answer = search_listings(SearchQuery(text=text), Searcher(AnonymousUser()), with_facets=False)
    return [card["id"] for card in answer.cards]


def test_a_listing_nobody_described_is_tagged_by_colour_and_found_by_it() -> None:
    red, blue = make_listing(title="Number one", colour=RED), make_listing(title="Number two", colour=BLUE)
    assert tagging.tag_listings([red.pk, blue.pk]) == 2
    assert names_of(red) == [("colour", "red", "machine")]
    assert list(live_listings(ListingFilter(colours=("red", "green")))) == [red]
    assert found("red") == [red.pk]
    assert found("vermelho") == [red.pk]


def test_tagging_twice_changes_nothing() -> None:
    listing = make_listing(colour=RED)
    tagging.tag_listings([listing.pk])
    before = list(ListingTag.objects.values())
    changed_at = Listing.objects.get(pk=listing.pk).updated_at
    tagging.tag_listings([listing.pk])
    assert list(ListingTag.objects.values()) == before
    assert Listing.objects.get(pk=listing.pk).updated_at == changed_at


def test_other_photos_have_other_tags() -> None:
    listing = make_listing(colour=RED)
    tagging.tag_listings([listing.pk])
    services._place_photos(listing, [make_photo(listing.seller.account, colour=BLUE)])
    tagging.tag_listings([listing.pk])
    assert names_of(listing) == [("colour", "blue", "machine")]


def test_what_the_seller_takes_off_or_adds_outlives_the_machine() -> None:
    listing = make_listing(colour=RED)
    tagging.tag_listings([listing.pk])
    tagging.set_tags(listing=listing, wanted=[TagName("keyword", "polka dots")])
    tagging.tag_listings([listing.pk])
    assert names_of(listing) == [("keyword", "polka dots", "seller")]
    assert found("polka") == [listing.pk]
    assert not live_listings(ListingFilter(colours=("red",))).exists()
    tagging.set_tags(listing=listing, wanted=[TagName("colour", "red")])
    tagging.tag_listings([listing.pk])
    assert names_of(listing) == [("colour", "red", "seller")]
    assert found("polka") == []


def test_only_tags_that_the_seller_saw_can_be_taken_off() -> None:
    listing = make_listing(colour=RED)
    tagging.tag_listings([listing.pk])
    tagging.set_tags(listing=listing, wanted=[], shown=[])
    assert names_of(listing) == [("colour", "red", "machine")]


def test_a_suggestion_that_was_declined_is_never_given_and_an_accepted_one_is_the_machines() -> None:
    listing = make_listing(colour=RED)
    red, silk = TagName("colour", "red"), TagName("material", "silk")
    tagging.set_tags(listing=listing, wanted=[red], shown=[red, silk])
    tagging.keep_seen({listing.pk: [SeenTag(silk, 0.9, "eye"), SeenTag(red, 0.8, "eye")]}, made_by={listing.pk: "x"})
    assert names_of(listing) == [("colour", "red", "machine")]


def test_a_stated_colour_goes_before_what_is_seen_and_follows_its_change() -> None:
    category = make_category()
    colour = services.ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=category)
    for value in ("Navy", "Maroon"):
        services.ensure_choice(attribute=colour, value=value)
    listing = make_listing(category=category, colour=(240, 220, 30), attributes={"colour": "Navy"})
    tagging.tag_listings([listing.pk])
    assert names_of(listing) == [("colour", "blue", "seller")]
    facts = services.ListingFacts(
        title="Hat", category=category, price=listing.price, currency="EUR", attributes={"colour": "Maroon"}
    )
    services.change_listing(listing=listing, facts=facts)
    tagging.tag_listings([listing.pk])
    assert names_of(listing) == [("colour", "red", "seller")]


def test_too_many_tags_are_refused_and_leave_no_trace() -> None:
    listing = make_listing()
    with pytest.raises(InvalidListing) as refusal:
        tagging.set_tags(listing=listing, wanted=[TagName("keyword", f"word {n}") for n in range(MOST_TAGS + 1)])
    assert refusal.value.field == "tags"
    assert not listing.tags.exists()


def test_the_mean_over_photos_has_to_be_sure_enough() -> None:
    dress, shirt = TagName("kind", "dress"), TagName("kind", "shirt")
    both = merged([[SeenTag(dress, 0.9, "eye"), SeenTag(shirt, 0.6, "eye")], [SeenTag(dress, 0.7, "eye")]])
    assert [(seen.tag, round(seen.confidence, 3)) for seen in both] == [(dress, 0.8)]
    assert merged([]) == []


def test_an_answer_of_classifiers_gives_sure_tags_and_shades_as_their_colours() -> None:
    answer = [
        ("kind", "Dress", 0.9),
        ("kind", "kurta", 0.4),
        ("colour", "navy blue", 0.5),
        ("colour", "blue", 0.3),
        ("colour", "gold", 0.2),
    ]
    read = as_classified(answer, "eye-1")
    assert read.tags == [SeenTag(TagName("kind", "dress"), 0.9, "eye-1")]
    assert read.colours == pytest.approx({"blue": 0.8})


@pytest.mark.django_db(transaction=True)
def test_listings_are_tagged_as_soon_as_their_photos_are_indexed(engine: str, work_done: Callable[[], None]) -> None:
    assert engine
    listing = make_listing(colour=RED)
    work_done()
    assert names_of(listing) == [("colour", "red", "machine")]
    encoder_id = shop_engine().status().encoder_id
    assert Listing.objects.get(pk=listing.pk).tags_made_by == f"{COLOURS_VERSION} {encoder_id}"
    assert tagging.tag_what_lacks_tags(now=timezone.now() + LATER) == 0


def test_what_classifiers_say_of_colours_is_weighed_with_what_is_measured() -> None:
    photo = make_photo(colour=RED)
    assert [seen.tag.name for seen in colours_seen([photo])] == ["red"]
    (red,) = colours_seen([photo], [{"red": 0.1}])
    assert red.confidence > 0.9  # unsure of it, the classifier hardly counts
    both = colours_seen([photo], [{"blue": 0.9}])
    assert [seen.tag.name for seen in both] == ["red", "blue"]
    assert sum(seen.confidence for seen in both) <= 1.0001


def test_a_photo_whose_file_is_missing_is_passed_over() -> None:
    photo = make_photo(colour=RED)
    lost = Photo(renditions={"thumb": {"digest": "0" * 64}})
    assert [seen.tag.name for seen in colours_seen([lost, photo])] == ["red"]
    assert colours_seen([lost]) == []


def test_what_lacks_tags_is_asked_for_once_the_dust_has_settled() -> None:
    listing, draft = make_listing(colour=RED), make_listing(publish=False)
    Job.objects.all().delete()
    assert tagging.tag_what_lacks_tags() == 0  # just published: its photos are about to be embedded
    assert tagging.tag_what_lacks_tags(now=timezone.now() + LATER) == 1
    assert tagging.tag_what_lacks_tags(now=timezone.now() + LATER) == 0  # it is under way
    jobs.run_until_idle()
    assert names_of(listing) == [("colour", "red", "machine")]
    assert not draft.tags.exists()
    assert tagging.tag_what_lacks_tags(now=timezone.now() + LATER) == 0


def test_another_encoder_has_listings_looked_at_again_as_soon_as_it_has_seen_them() -> None:
    listing = make_listing()
    tagging.tag_listings([listing.pk])
    soon = timezone.now() + LATER

    def lacking(encoder_id: str, heads_version: int = 0) -> list[int]:
        return tagging.listings_lacking_tags(
            settled_before=soon, encoder_id=encoder_id, most=10, heads_version=heads_version
        )

    assert lacking("") == []
    assert lacking("new-eye") == []  # nothing to classify so far
    photo_id = listing.listing_photos.get().photo_id
    store_embeddings([photo_id], encoder_id="new-eye", rows=np.ones((1, 4), np.float32))
    assert lacking("new-eye") == [listing.pk]
    Listing.objects.update(tags_made_by=f"{COLOURS_VERSION} new-eye")
    assert lacking("new-eye") == []
    # The same encoder with classifiers that the shop taught it, with other ones, and with its own again.
    assert lacking("new-eye", 2) == [listing.pk]
    Listing.objects.update(tags_made_by=f"{COLOURS_VERSION} new-eye heads 2")
    assert lacking("new-eye", 2) == []
    assert lacking("new-eye", 3) == lacking("new-eye") == [listing.pk]


def test_a_batch_costs_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    listings = [make_listing(colour=RED).pk for _number in range(6)]
    # One write per listing, because each has its own words; everything else is shared.
    with django_assert_max_num_queries(len(listings) + 10):
        tagging.tag_listings(listings)


def test_names_are_folded_and_colours_known_in_both_languages(settings: Any) -> None:
    assert tag_name(" Polka   DOTS ") == TagName("keyword", "polka dots")
    assert tag_name("Blue") == TagName("colour", "blue")
    assert tag_name("orange", group="fruit") == TagName("fruit", "orange")
    assert tag_name("\0  ") is None
    assert tag_name("x" * 200) == TagName("keyword", "x" * 60)
    assert TagName.from_key(TagName("a:b", "c:d").key) == TagName("a", "b:c:d")


def test_a_listing_in_full_shows_tags_in_use_colours_first() -> None:
    listing = make_listing(make_seller(), colour=RED)
    tagging.tag_listings([listing.pk])
    tagging.set_tags(listing=listing, wanted=[TagName("colour", "red"), TagName("age", "vintage")])
    read = listing_in_full(live_listings(), listing.pk)
    assert read is not None
    shown = tags_shown(read)
    assert [(tag["group"], tag["source"]) for tag in shown] == [("colour", "machine"), ("age", "seller")]
    assert 0.5 < shown[0]["confidence"] <= 1
