"""The Python client against a served shop: real requests, real photos."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from feira.client import (
    Client,
    Conflict,
    Invalid,
    Listing,
    NotAllowed,
    NotFound,
    NotSignedIn,
)
from feira.core.testing.photos import photo_bytes
from feira.shop.accounts.models import Account
from feira.shop.listings.models import Attribute
from feira.shop.listings.services import ensure_attribute, ensure_choice
from feira.shop.photos.models import Photo
from tests.factories import PASSWORD, make_category, make_listing


@pytest.fixture
def shoes(transactional_db: None) -> str:
    """The path of a category whose listings may have a colour."""
    category = make_category("Clothing", "Shoes")
    colour = ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=category)
    for value in ("red", "blue"):
        ensure_choice(attribute=colour, value=value)
    return category.path


def post(shop: Client, category: str, *, title: str = "Red shoes", colour: str = "red") -> Listing:
    pixels = {"red": (200, 30, 30), "blue": (30, 30, 200)}[colour]
    photo = shop.photos.upload(photo_bytes(pixels, (300, 200)))
    return shop.listings.create(
        title=title, category=category, price="12.50", photos=[photo.id], publish=True, attributes={"colour": colour}
    )


def test_a_listing_lives_from_upload_to_archive(shop: Client, guest: Client, shoes: str, tmp_path: Path) -> None:
    path = tmp_path / "shoe.jpg"
    path.write_bytes(photo_bytes((200, 30, 30), (300, 200)))
    first, second = shop.photos.upload(path), shop.photos.upload(photo_bytes((30, 200, 30)))
    assert (first.width, first.height, first.is_public) == (300, 200, False)
    assert shop.photos.get(first.id) == first

    draft = shop.listings.create(title="Red shoes", category=shoes, price=Decimal("12.50"), photos=[first.id])
    assert (draft.state, draft.price, draft.seller.name, draft.published_at) == ("draft", Decimal("12.50"), "Ana", None)
    with pytest.raises(NotFound):
        guest.listings.get(draft.id)

    live = shop.listings.publish(draft.id)
    assert live.published_at is not None
    assert live.published_at.tzinfo is not None
    with pytest.raises(Conflict) as already:
        shop.listings.publish(draft.id)
    assert already.value.code == "wrong_state"

    changed = shop.listings.update(draft.id, price="9.99", attributes={"colour": "red"})
    assert (changed.price, changed.title, changed.attributes[0].value) == (Decimal("9.99"), "Red shoes", "red")
    ordered = shop.listings.order_photos(draft.id, [second.id, first.id], alt={second.id: "The sole"})
    assert [(photo.id, photo.alt) for photo in ordered.photos] == [
        (second.id, "The sole"),
        (first.id, "Red shoes, photo 2"),
    ]
    assert httpx.get(ordered.photos[0].src_thumb).headers["Content-Type"] == "image/webp"

    assert [card.id for card in guest.listings.list()] == [draft.id]
    assert shop.listings.mark_sold(draft.id).state == "sold"
    assert list(guest.listings.list()) == []
    shop.listings.archive(draft.id)
    assert [card.state for card in shop.listings.mine()] == ["archived"]


def test_lists_join_their_pages_and_take_filters(guest: Client, shoes: str, ana: Account) -> None:
    seller = make_listing(title="Number 0", price="1").seller
    for number in range(1, 5):
        make_listing(seller, title=f"Number {number}", price=f"{number + 1}.00", condition="new")
    assert [card.title for card in guest.listings.list(sort="cheapest", min_price=Decimal(3))] == [
        "Number 2",
        "Number 3",
        "Number 4",
    ]
    assert len(list(guest.listings.list(seller=seller.slug, condition=["new", "fair"]))) == 4
    assert list(guest.listings.list(attributes={"colour": ["red", "blue"]})) == []
    conditions = next(facet for facet in guest.listings.facets() if facet.param == "condition")
    assert {option.value: option.count for option in conditions.options} == {"new": 4, "good": 1}


def test_all_pages_are_read_and_none_too_early(
    guest: Client, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller = make_listing().seller
    for _number in range(4):
        make_listing(seller)
    monkeypatch.setattr("feira.client.shop.PAGE_SIZE", 2)
    asked: list[str] = []
    guest._transport._http.event_hooks = {"request": [lambda request: asked.append(str(request.url))]}
    cards = guest.listings.list()
    assert asked == []
    seen = [next(cards).id, next(cards).id]
    assert len(asked) == 1
    seen += [card.id for card in cards]
    assert (len(asked), len(set(seen)), seen) == (3, 5, sorted(seen, reverse=True))


def test_categories_come_as_a_tree(guest: Client, shop: Client, shoes: str) -> None:
    post(shop, shoes)
    clothing = guest.categories()[0]
    assert (clothing.path, clothing.count, clothing.children[0].path) == ("clothing", 1, shoes)
    assert clothing.children[0].attributes[0].choices == ("blue", "red")


def test_refusals_are_told_apart(shop: Client, guest: Client, shoes: str) -> None:
    others = make_listing(title="Not Ana's")
    with pytest.raises(NotAllowed) as not_allowed:
        shop.listings.update(others.pk, title="Ana's")
    with pytest.raises(NotFound):
        shop.listings.get(10**9)
    with pytest.raises(NotSignedIn):
        guest.me()
    with pytest.raises(Invalid) as not_a_photo:
        shop.photos.upload(b"not a photo")
    with pytest.raises(Invalid) as no_category:
        shop.listings.create(title="x", category="no/where", price="1")
    with pytest.raises(Invalid) as no_price:
        shop.listings.create(title="x", category=shoes, price="cheap")
    assert not_allowed.value.status == 403
    assert (not_a_photo.value.code, not_a_photo.value.facts["reason"]) == ("invalid_image", "unsupported_format")
    assert no_category.value.facts["field"] == "category"
    assert list(no_price.value.facts["errors"]) == ["price"]
    others.refresh_from_db()
    assert others.title == "Not Ana's"


def test_the_same_key_uploads_once(shop: Client) -> None:
    content = photo_bytes((1, 2, 3))
    first, again = shop.photos.upload(content, key="mine"), shop.photos.upload(content, key="mine")
    assert first == again
    assert shop.photos.upload(content).id != first.id
    assert Photo.objects.count() == 2


def test_tokens_are_made_used_and_taken_back(live_server: LiveServer, ana: Account) -> None:
    with Client.sign_in(live_server.url, "ana@example.org", PASSWORD, name="laptop") as laptop:
        assert (laptop.me().email, laptop.me().seller) == ("ana@example.org", None)
        made = laptop.tokens.create("printer")
        assert {token.name for token in laptop.tokens.list()} == {"laptop", "printer"}
        with Client(live_server.url, made.token) as printer:
            assert printer.me().id == ana.pk
            laptop.tokens.revoke(made.id)
            with pytest.raises(NotSignedIn):
                printer.me()
    with pytest.raises(NotSignedIn):
        Client.sign_in(live_server.url, "ana@example.org", "wrong")


def test_hearts_are_set_and_cleared(shop: Client, guest: Client, shoes: str) -> None:
    listing = post(shop, shoes)
    shop.listings.like(listing.id)
    assert [card.id for card in shop.listings.liked()] == [listing.id]
    shop.listings.unlike(listing.id)
    assert list(shop.listings.liked()) == []
    with pytest.raises(NotSignedIn):
        guest.listings.like(listing.id)


def test_what_one_likes_recommends_says_why_and_is_forgotten(
    shop: Client, guest: Client, shoes: str, work_done: Callable[[], None]
) -> None:
    others = [make_listing(title=f"Other {number}", colour=(180, 60 + number, 40)) for number in range(2)]
    work_done()
    shop.listings.like(others[0].pk)
    work_done()
    (found,) = shop.listings.recommended()
    assert found.id == others[1].pk
    assert found.because is not None
    assert (found.because.title, found.because.sign) == ("Other 0", "liked")
    assert (shop.taste.get().interests, shop.taste.get().recommended) == (1, 1)
    shop.taste.forget()
    assert shop.listings.recommended() == ()
    assert shop.taste.want(False).is_wanted is False
    for ask in (guest.taste.get, guest.taste.forget, guest.listings.recommended):
        with pytest.raises(NotSignedIn):
            ask()


def test_words_photos_and_likenesses_find_listings(
    shop: Client, guest: Client, shoes: str, work_done: Callable[[], None]
) -> None:
    red, blue = post(shop, shoes), post(shop, shoes, title="Blue boots", colour="blue")
    work_done()
    assert [card.id for card in guest.search("boots")] == [blue.id]
    assert guest.search("boots", attributes={"colour": "red"}, strict=True).total == 0
    let_go = guest.search("boots", attributes={"colour": "red"})
    assert [card.id for card in let_go] == [blue.id]
    assert let_go.relaxed is not None
    assert let_go.relaxed.filters == ("attr_colour",)

    bluish = photo_bytes((40, 40, 190), (200, 300))
    found = guest.search(photo=bluish)
    assert not found.is_photo_unanswered
    assert [card.id for card in found] == [blue.id, red.id]
    assert [card.id for card in guest.search(photo=bluish, attributes={"colour": "red"})] == [red.id]
    assert [card.id for card in shop.search(photo=shop.photos.upload(bluish).id)] == [blue.id, red.id]
    assert red.id in [card.id for card in guest.search(like=blue.id)]
    assert [card.id for card in guest.similar(red.id)] == [blue.id]


def test_wishes_reach_the_shop_and_results_explain_themselves(
    shop: Client, guest: Client, shoes: str, work_done: Callable[[], None]
) -> None:
    red, blue = post(shop, shoes), post(shop, shoes, title="Blue boots", colour="blue")
    work_done()
    found = guest.search("boots", photo=photo_bytes((40, 40, 190), (200, 300)), crop=(0, 0, 0.5, 0.5), explain=True)
    first = next(iter(found))
    assert first.id == blue.id
    assert first.parts is not None
    assert sum(first.parts.values()) == first.score
    assert next(iter(guest.search("boots"))).parts is None
    assert [card.id for card in guest.search(more_like=[red.id], less_like=[blue.id])] == [red.id]
    with pytest.raises(Invalid):
        guest.search("boots", balance=101)
    assert not found.is_looks_unanswered
