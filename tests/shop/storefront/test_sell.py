"""Selling: whose photos, whose listings, and what happens to what cannot be used."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account, Seller
from feira.shop.listings.models import Listing, ListingTag
from feira.shop.listings.tagging import set_tags, tag_listings
from feira.shop.listings.tags import tags_of
from feira.shop.photos.models import Photo
from tests.factories import make_account, make_category, make_listing, make_photo, make_seller, owner_of

pytestmark = pytest.mark.django_db

SELL = "/sell/"
HOSTILE = b"<html><script>alert(1)</script></html>"


@pytest.fixture
def person(client: Client) -> Account:
    """Somebody signed in who has never sold anything."""
    account = make_account(display_name="Ana")
    client.force_login(account)
    return account


def facts(**other: Any) -> dict[str, Any]:
    """Return a form that can be published once it has photos."""
    said = {
        "title": "Red shoes",
        "category": make_category().pk,
        "price": "12.50",
        "currency": "EUR",
        "condition": "good",
        "stock": "1",
        "publish": "1",
    }
    return {**said, **other}


def upload(content: bytes = b"", name: str = "shoe.jpg") -> SimpleUploadedFile:
    """Return a file as a browser sends it."""
    return SimpleUploadedFile(name, content or photo_bytes(), content_type="image/jpeg")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", SELL),
        ("post", SELL),
        ("post", "/sell/photo/"),
        ("get", "/sell/suggest/"),
        ("get", "/sell/1/"),
        ("get", "/my/listings/"),
        ("post", "/my/listings/1/publish/"),
        ("get", "/liked/"),
    ],
)
def test_guests_are_asked_to_sign_in(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login") + "?next=")


def test_photos_first_then_facts_make_a_live_listing_in_that_order(client: Client, person: Account) -> None:
    ids = []
    for colour in ((180, 60, 40), (20, 60, 140)):
        answer = client.post("/sell/photo/", {"photo": upload(photo_bytes(colour))})
        assert answer.status_code == 200
        ids.append(Photo.objects.latest("pk").pk)
        assert f'value="{ids[-1]}"' in answer.text
    answer = client.post(SELL, facts(photos=ids[::-1]))
    listing = Listing.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, listing.get_absolute_url())
    assert listing.state == "live"
    assert list(listing.listing_photos.order_by("position").values_list("photo", flat=True)) == ids[::-1]
    assert listing.seller.account == person
    assert listing.seller.name == "Ana"


def test_a_second_listing_is_of_the_same_seller(client: Client, person: Account) -> None:
    for title in ("One", "Two"):
        client.post(SELL, facts(title=title, photos=[make_photo(person).pk]))
    assert Seller.objects.filter(account=person).count() == 1
    assert Listing.objects.filter(seller__account=person).count() == 2


def test_a_draft_needs_no_photo_and_is_not_live(client: Client, person: Account) -> None:
    form = facts(draft="1")
    del form["publish"]
    client.post(SELL, form)
    assert Listing.objects.get().state == "draft"


def test_publishing_without_a_photo_is_refused_and_nothing_is_kept(client: Client, person: Account) -> None:
    answer = client.post(SELL, facts())
    assert answer.status_code == 422
    assert "photo" in answer.text.lower()
    assert 'value="Red shoes"' in answer.text
    assert not Listing.objects.exists()
    assert not Seller.objects.filter(account=person).exists()


def test_what_was_typed_and_uploaded_stays_when_a_field_is_wrong(client: Client, person: Account) -> None:
    photo = make_photo(person)
    answer = client.post(SELL, facts(price="cheap", photos=[photo.pk]))
    assert answer.status_code == 422
    assert f'<input type="hidden" name="photos" value="{photo.pk}">' in answer.text
    assert 'value="Red shoes"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert not Listing.objects.exists()


def test_photos_of_others_and_unknown_ones_are_not_used(client: Client, person: Account) -> None:
    mine, theirs = make_photo(person), make_photo(make_account(), colour=(1, 2, 3))
    client.post(SELL, facts(photos=[theirs.pk, mine.pk, 10**9, "x", -1]))
    listing = Listing.objects.get()
    assert list(listing.listing_photos.values_list("photo", flat=True)) == [mine.pk]


def test_nobody_gets_suggestions_from_the_photos_of_others(client: Client, person: Account, engine: str) -> None:
    theirs = make_photo(make_account())
    assert "data-fill" not in client.get("/sell/suggest/", {"photos": theirs.pk}).text


def test_suggestions_are_left_out_while_the_engine_is_away(client: Client, person: Account) -> None:
    answer = client.get("/sell/suggest/", {"photos": make_photo(person).pk})
    assert answer.status_code == 200
    assert "data-fill" not in answer.text


def test_a_photo_suggests_category_and_price_of_what_resembles_it(
    work_done: Callable[[], None], client: Client
) -> None:
    for number in range(6):
        make_listing(price=f"{10 + number}", photo_count=1)
    make_listing(category=make_category("Home", "Lamps"), colour=(10, 200, 30), title="Green lamp")
    person = make_account()
    client.force_login(person)
    photo = make_photo(person, colour=(178, 62, 41))
    work_done()
    text = client.get("/sell/suggest/", {"photos": photo.pk}).text
    assert f'data-fill="category" data-value="{make_category().pk}" data-best' in text
    assert 'data-fill="price"' in text


@pytest.mark.parametrize(
    "path", ["/sell/{}/", "/my/listings/{}/publish/", "/my/listings/{}/sold/", "/my/listings/{}/archive/"]
)
def test_a_listing_of_somebody_else_is_not_there_to_be_changed(client: Client, person: Account, path: str) -> None:
    listing = make_listing(publish=False, title="Not yours")
    address = path.format(listing.pk)
    assert client.post(address, facts(title="Mine now", photos=[make_photo(person).pk])).status_code == 404
    if "/sell/" in path:
        assert client.get(address).status_code == 404
    listing.refresh_from_db()
    assert (listing.title, listing.state) == ("Not yours", "draft")


def test_staff_do_not_change_the_words_of_others_here(client: Client) -> None:
    listing = make_listing(title="Not yours")
    client.force_login(make_account(is_staff=True))
    assert client.get(f"/sell/{listing.pk}/").status_code == 404


def test_a_seller_changes_words_and_photos_of_an_own_listing(client: Client) -> None:
    seller = make_seller()
    listing = make_listing(seller, title="Before", photo_count=1)
    client.force_login(owner_of(seller))
    kept = listing.listing_photos.get().photo_id
    fresh = make_photo(seller.account, colour=(9, 9, 90)).pk
    assert 'value="Before"' in client.get(f"/sell/{listing.pk}/").text
    answer = client.post(f"/sell/{listing.pk}/", facts(title="After", photos=[fresh, kept]))
    assert answer.status_code == 302
    listing.refresh_from_db()
    assert (listing.title, listing.state) == ("After", "live")
    assert list(listing.listing_photos.order_by("position").values_list("photo", flat=True)) == [fresh, kept]


def test_own_listings_go_through_their_states(client: Client) -> None:
    seller = make_seller()
    listing = make_listing(seller)
    client.force_login(owner_of(seller))
    for action, state in (("sold", "sold"), ("archive", "archived"), ("publish", "live")):
        assert client.post(f"/my/listings/{listing.pk}/{action}/").status_code == 302
        listing.refresh_from_db()
        assert listing.state == state
    assert client.get(f"/my/listings/{listing.pk}/sold/").status_code == 405
    assert client.post(f"/my/listings/{listing.pk}/delete/").status_code == 404


def test_a_listing_without_photos_is_not_published_from_the_list_either(client: Client) -> None:
    seller = make_seller()
    listing = make_listing(seller, photo_count=0, publish=False)
    client.force_login(owner_of(seller))
    answer = client.post(f"/my/listings/{listing.pk}/publish/", follow=True)
    assert "notice--error" in answer.text
    listing.refresh_from_db()
    assert listing.state == "draft"


def test_my_listings_shows_mine_in_every_state(client: Client) -> None:
    seller = make_seller()
    make_listing(seller, title="For sale")
    make_listing(seller, title="Unfinished", publish=False)
    make_listing(title="Somebody else's")
    client.force_login(owner_of(seller))
    text = client.get("/my/listings/").text
    assert "For sale" in text
    assert "Unfinished" in text
    assert "Somebody else" not in text


def test_a_file_that_is_no_photo_is_refused_by_name_and_not_kept(client: Client, person: Account) -> None:
    answer = client.post("/sell/photo/", {"photo": upload(HOSTILE, "<b>invoice</b>.jpg")})
    assert answer.status_code == 422
    assert "<b>" not in answer.text
    assert 'role="alert"' in answer.text
    assert not Photo.objects.exists()


def test_an_upload_without_a_file_is_answered_with_a_sentence(client: Client, person: Account) -> None:
    answer = client.post("/sell/photo/")
    assert answer.status_code == 422
    assert "Choose a photo first." in answer.text


def test_a_photo_beyond_the_limit_is_refused_unread(client: Client, person: Account) -> None:
    answer = client.post("/sell/photo/", {"photo": upload(b"\xff" * 20_000_001)})
    assert answer.status_code == 422
    assert "20 MB" in answer.text
    assert not Photo.objects.exists()


def test_without_script_good_files_are_taken_and_bad_ones_named(client: Client, person: Account) -> None:
    files = [upload(name="good.jpg"), upload(HOSTILE, "bad.jpg")]
    answer = client.post(SELL, facts(upload="1", files=files))
    assert answer.status_code == 422
    assert "bad.jpg" in answer.text
    assert "good.jpg" not in answer.text
    photo = Photo.objects.get()
    assert f'name="photos" value="{photo.pk}"' in answer.text
    assert 'value="Red shoes"' in answer.text
    assert not Listing.objects.exists()


def boxes(text: str) -> dict[str, bool]:
    """Return the tags that stand on a page to be ticked, and whether they are."""
    found = re.findall(r'<input type="checkbox" name="tags" value="([^"]*)"( checked)?>', text)
    return {key: bool(checked) for key, checked in found}


def test_colours_are_suggested_as_tags_marked_as_the_machines_even_without_an_engine(
    client: Client, person: Account
) -> None:
    photo = make_photo(person, colour=(200, 20, 24))
    answer = client.get("/sell/suggest/", {"photos": photo.pk})
    assert boxes(answer.text) == {"colour:red": True}
    assert "seen in the photos by the machine" in answer.text


def test_a_ticked_suggestion_is_tagged_and_an_unticked_one_never_is(client: Client, person: Account) -> None:
    kept, dropped = (make_photo(person, colour=(200, 20, 24)) for _photo in range(2))
    client.post(SELL, facts(photos=[kept.pk], tags_shown=["colour:red"], tags=["colour:red"], title="Kept"))
    client.post(SELL, facts(photos=[dropped.pk], tags_shown=["colour:red"], title="Dropped", more_tags="Silk, scarf ,"))
    listings = {listing.title: listing.pk for listing in Listing.objects.all()}
    tag_listings(list(listings.values()))
    names = {title: [tag["name"] for tag in tags_of([pk]).get(pk, [])] for title, pk in listings.items()}
    assert names == {"Kept": ["red"], "Dropped": ["scarf", "silk"]}


def test_a_seller_takes_a_tag_off_and_adds_another_when_editing(client: Client) -> None:
    seller = make_seller()
    client.force_login(owner_of(seller))
    listing = make_listing(seller, colour=(200, 20, 24))
    tag_listings([listing.pk])
    page = client.get(f"/sell/{listing.pk}/").text
    assert boxes(page) == {"colour:red": True}  # once: what it has is not suggested again
    photos = list(listing.listing_photos.values_list("photo_id", flat=True))
    wrong = client.post(f"/sell/{listing.pk}/", facts(photos=photos, tags_shown=["colour:red"], title=""))
    assert wrong.status_code == 422
    assert boxes(wrong.text) == {"colour:red": False}  # what was unticked is not lost
    done = client.post(f"/sell/{listing.pk}/", facts(photos=photos, tags_shown=["colour:red"], more_tags="linen"))
    assert done.status_code == 302
    tag_listings([listing.pk])
    assert [(tag["name"], tag["source"]) for tag in tags_of([listing.pk])[listing.pk]] == [("linen", "seller")]
    asked: dict[str, int | list[int]] = {"photos": photos, "listing": listing.pk}
    suggested = client.get("/sell/suggest/", asked)
    assert "colour:red" not in boxes(suggested.text)


def test_too_many_tags_are_refused_beside_their_field_and_nothing_is_kept(client: Client, person: Account) -> None:
    photo = make_photo(person)
    answer = client.post(SELL, facts(photos=[photo.pk], more_tags=",".join(f"tag {n}" for n in range(40))))
    assert answer.status_code == 422
    assert "A listing has at most 30 tags." in answer.text
    assert not Listing.objects.exists()
    assert not ListingTag.objects.exists()


def test_what_somebody_else_dropped_is_nobodys_to_learn(client: Client, person: Account) -> None:
    other = make_listing(colour=(200, 20, 24))
    tag_listings([other.pk])
    set_tags(listing=other, wanted=[])
    photo = make_photo(person, colour=(200, 20, 24))
    answer = client.get("/sell/suggest/", {"photos": photo.pk, "listing": other.pk})
    assert boxes(answer.text) == {"colour:red": True}
