"""What counts as said about a listing: category, attributes, and people's word on tags before everything else."""

import numpy as np
import pytest

from feira.core.learning.head_fit import NOTHING
from feira.shop.datasets.models import DatasetRequest, Snapshot, SnapshotRow, SnapshotTag
from feira.shop.insight.head_teaching import TooLittle, best_reading, held_out_mask, plan_lesson
from feira.shop.insight.labels import Catalogue, Kept, Labelled, Said, snapshot_called
from feira.shop.listings import tagging
from feira.shop.listings.models import Attribute, Listing, ListingAttribute, ListingTag
from feira.shop.listings.seeing import SeenTag
from feira.shop.listings.tags import TagName
from feira.shop.photos.models import Photo
from feira.shop.photos.services import store_embeddings
from tests.factories import make_category, make_listing, make_seller

pytestmark = pytest.mark.django_db
EYE = "eye@1"


def seen(listing: Listing) -> Listing:
    """Let the encoder have seen the cover."""
    assert listing.cover_id is not None
    store_embeddings([listing.cover_id], encoder_id=EYE, rows=np.ones((1, 4), np.float32) / 2)
    return listing


def said(labelled: Labelled, head: str) -> dict[int, Said]:
    answers = labelled.answers(head)
    return {listing: answers.at(place) for place, listing in enumerate(labelled.ids.tolist())}


def names(*words: str) -> Said:
    return Said(frozenset(words))


def state(listing: Listing, attribute: Attribute, text: str) -> None:
    ListingAttribute.objects.create(listing=listing, attribute=attribute, text=text)


def machine_saw(listing: Listing, *tags: TagName) -> None:
    tagging.keep_seen({listing.pk: [SeenTag(tag, 0.9, EYE) for tag in tags]}, made_by={listing.pk: EYE})


def test_only_live_listings_whose_approved_cover_was_seen_teach() -> None:
    seller = make_seller()
    kept, unseen = seen(make_listing(seller)), make_listing(seller)
    hidden, draft = seen(make_listing(seller)), seen(make_listing(seller, publish=False))
    Photo.objects.filter(placed__listing=hidden).update(is_public=False)
    assert Catalogue(EYE).ids.tolist() == [kept.pk]
    assert Catalogue("other").ids.tolist() == []
    assert {unseen.pk, draft.pk}.isdisjoint(Catalogue(EYE).ids.tolist())


def test_categories_are_called_by_their_own_name_in_lower_case() -> None:
    shoes = seen(make_listing(category=make_category("Clothing", "Running  Shoes")))
    assert said(Catalogue(EYE), "category") == {shoes.pk: names("running shoes")}


def test_colours_are_read_by_the_words_of_the_shop_whatever_the_attribute_is_called() -> None:
    first, second = seen(make_listing()), seen(make_listing())
    for listing, code, text in ((first, "color", "Navy Blue"), (second, "colour", "unheard-of")):
        state(listing, Attribute.objects.create(code=code, name=code), text)
    assert "colour" in Catalogue(EYE).questions()
    assert "color" not in Catalogue(EYE).questions()
    assert said(Catalogue(EYE), "colour") == {first.pk: names("blue"), second.pk: Said()}


def test_what_a_seller_says_of_a_tag_goes_before_everything_else() -> None:
    colour = Attribute.objects.create(code="colour", name="Colour")
    stated, corrected, denied = (seen(make_listing()) for _number in range(3))
    for listing in (stated, corrected):
        state(listing, colour, "red")
    blue, red, mug = TagName("colour", "blue"), TagName("colour", "red"), TagName("kind", "mug")
    for listing in (stated, corrected, denied):
        machine_saw(listing, red, mug)
    tagging.set_tags(listing=corrected, wanted=[blue])  # neither red nor a mug
    tagging.set_tags(listing=denied, wanted=[red])  # red may stay, it is no mug
    assert said(Catalogue(EYE), "colour") == {
        stated.pk: names("red"),
        corrected.pk: names("blue"),
        denied.pk: Said(),  # that the machine was not corrected says nothing
    }
    # `kind` is learned from corrections alone; a "no" is known, and nothing more.
    no_mug = Said(frozenset(), frozenset({"mug"}))
    assert said(Catalogue(EYE), "kind") == {stated.pk: Said(), corrected.pk: no_mug, denied.pk: no_mug}
    assert not no_mug.is_answered_by("mug")
    assert no_mug.is_answered_by("hat")


def test_tags_of_imports_count_and_keywords_are_no_question() -> None:
    listing = seen(make_listing())
    for group, name in (("kind", "mug"), ("keyword", "funny")):
        ListingTag.objects.create(listing=listing, group=group, name=name, source=ListingTag.Source.IMPORT)
    catalogue = Catalogue(EYE)
    assert catalogue.questions() == ["category", "kind"]
    assert said(catalogue, "kind") == {listing.pk: names("mug")}


def test_a_category_where_nobody_states_an_attribute_has_nothing_to_do_with_it() -> None:
    size = Attribute.objects.create(code="size", name="Size")
    seller, mugs, hats = make_seller(), make_category("Mugs"), make_category("Hats")
    silent = [seen(make_listing(seller, category=mugs)) for _number in range(8)]
    talking = [seen(make_listing(seller, category=hats)) for _number in range(8)]
    state(talking[0], size, "XL")
    found = said(Catalogue(EYE), "size")
    assert {found[listing.pk] for listing in silent} == {names(NOTHING)}
    assert found[talking[0].pk] == names("xl")
    assert {found[listing.pk] for listing in talking[1:]} == {Said()}


def test_a_data_set_says_what_was_said_when_it_was_made_and_keeps_its_test_side_back() -> None:
    listings = [seen(make_listing(photo_count=2)) for _number in range(3)]
    snapshot = Snapshot.objects.create(content_hash="ab" * 32, state=Snapshot.State.BUILDING)
    request = DatasetRequest.objects.create(name="First", snapshot=snapshot)
    SnapshotTag.objects.create(name="gold", snapshot=snapshot)
    for number, listing in enumerate(listings):
        facts = {
            "category": "clothing/shoes" if number else "long-gone/old-hats",
            "attributes": {"color": "Navy", "size": 3, "brand": "Acme"},
            "tags": [
                {"group": "kind", "name": "mug", "source": "machine" if number == 2 else "seller", "confidence": 1},
                {"group": "keyword", "name": "funny", "source": "seller", "confidence": 1},
            ],
        }
        for place, photo_id in enumerate(listing.listing_photos.values_list("photo_id", flat=True)):
            SnapshotRow.objects.create(
                snapshot=snapshot,
                position=2 * number + place,
                key=f"{number}-{place}",
                listing_id=listing.pk,
                photo_id=photo_id,
                source="",
                split=("train", "train", "test")[number],
                facts=facts,
                digest="",
            )
    for text in ("gold", "First", str(request.pk), "abababab"):
        assert snapshot_called(text) == snapshot
    assert snapshot_called("abab") is None
    assert snapshot_called("") is None
    kept = Kept(snapshot)
    assert kept.questions() == ["category", "brand", "colour", "kind"]
    assert kept.teaches.tolist() == [True, True, False]
    assert [one.names for one in said(kept, "category").values()] == [{"old hats"}, {"shoes"}, {"shoes"}]
    assert [one.names for one in said(kept, "colour").values()] == [{"blue"}] * 3
    assert [one.names for one in said(kept, "kind").values()] == [{"mug"}, {"mug"}, set()]
    ids = [listing.pk for listing in listings]
    assert len(kept.photos_of(ids)) == kept.photo_count() == 6
    Photo.objects.filter(placed__listing=listings[0], placed__position=0).update(is_public=False)
    assert len(kept.photos_of(ids)) == 5  # what was withdrawn since is not used


def test_held_out_listings_are_never_taught_and_rare_names_become_silence() -> None:
    class Many(Catalogue):
        """A thousand listings: two common categories and thirty with one listing each."""

        def __init__(self) -> None:
            self.ids = np.arange(1, 1001)
            self.teaches = np.ones(1000, dtype=bool)

    many = Many()
    held_out = held_out_mask(many.ids)
    assert 150 < held_out.sum() < 250
    answers = Catalogue(EYE).answers("category")
    answers.codes = np.full(1000, -1, dtype=np.int32)
    for place in range(1000):
        answers.say(place, {"mugs" if place % 2 else "hats"} if place < 970 else {f"rare {place}"})
    lesson = plan_lesson("category", answers, many, held_out, seed=0)
    assert not isinstance(lesson, TooLittle)
    assert lesson.names == (NOTHING, "hats", "mugs")
    assert not held_out[lesson.taught].any()
    assert held_out[lesson.held_out].all()
    assert set(lesson.held_out.tolist()) == set(np.flatnonzero(held_out).tolist())  # rare ones are judged, too
    assert lesson.possible.sum(axis=1).tolist() == [1] * len(lesson.taught)
    again = plan_lesson("category", answers, many, held_out, seed=0)
    assert not isinstance(again, TooLittle)
    np.testing.assert_array_equal(lesson.taught, again.taught)


def test_what_serves_is_read_as_well_as_its_names_can_be() -> None:
    truths = {listing: ("shoes", "hats", "mugs")[listing % 3] for listing in range(30)}
    weights = dict.fromkeys(truths, 1.0)
    called = {"shoes": "sneaker", "hats": "beanie", "mugs": "cup"}
    spoken = {listing: {"kind": called[truth], "colour": "red"} for listing, truth in truths.items()}
    reading, right = best_reading(truths, spoken, weights, "category")
    assert (reading.head, right) == ("kind", 1.0)
    assert reading.of({"kind": "beanie"}) == "hats"
    assert reading.of({"kind": "unheard-of"}) == reading.of({})
    assert best_reading(truths, spoken, weights, "category", without=["kind"])[0].head != "kind"
    # A name that was said of one listing only cannot be read by that listing's own word.
    alone = {listing: {"kind": f"one {listing}"} for listing in truths}
    assert best_reading(truths, alone, weights, "category")[1] <= 1 / 3
