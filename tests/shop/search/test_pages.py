"""The search page and the search API, through their addresses."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from feira.core.recommend.ranking import FEATURES
from feira.core.testing.photos import photo_bytes
from feira.shop.feedback.models import SearchLog
from feira.shop.feedback.search_log import recorder
from feira.shop.listings.marks import marked
from feira.shop.listings.models import Listing
from feira.shop.photos.models import Photo
from feira.shop.search import throttles
from tests.factories import make_account, make_listing, make_seller

RED, BLUE = (200, 30, 30), (30, 30, 200)
SEARCH, BY_PHOTO, API = "/search/", "/search/photo/", "/api/v1/search/"
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_was_throttled() -> None:
    cache.clear()


def a_file(colour: tuple[int, int, int] = RED, content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.jpg", photo_bytes(colour=colour) if content is None else content)


def send(client: Client, **fields: Any) -> Any:
    return client.post(BY_PHOTO, {"photo": a_file(), **fields})


def test_the_page_shows_what_was_asked_and_found(client: Client) -> None:
    make_listing(title="Red coat", price="10")
    make_listing(title="Blue hat")
    answer = client.get(SEARCH, {"q": "red -hat", "condition": "good", "min_price": "5"})
    assert answer.status_code == 200
    assert "Red coat" in answer.text
    assert "Blue hat" not in answer.text
    chips = {chip["label"]: chip["remove_url"] for chip in answer.context["asked"]}
    assert chips == {
        "red": "/search/?q=-hat&min_price=5.00&condition=good",
        "−hat": "/search/?q=red&min_price=5.00&condition=good",
        "Good": "/search/?q=red+-hat&min_price=5.00",
        "from 5": "/search/?q=red+-hat&condition=good",
    }
    assert answer.context["total_text"] == "1 listing"
    assert [sort["label"] for sort in answer.context["sorts"] if sort["active"]] == ["Best match"]


def test_facet_links_set_and_clear_a_choice(client: Client) -> None:
    make_listing(title="Red coat")
    facets = client.get(SEARCH).context["facets"]
    option = next(facet for facet in facets if facet["param"] == "condition")["options"][0]
    assert (option["url"], option["active"]) == ("/search/?condition=good", False)
    facets = client.get(option["url"]).context["facets"]
    option = next(facet for facet in facets if facet["param"] == "condition")["options"][0]
    assert (option["url"], option["active"]) == ("/search/", True)


def test_htmx_gets_the_results_alone_and_further_pages_as_cards_alone(client: Client) -> None:
    seller = make_seller()
    for number in range(25):
        make_listing(seller, title=f"Coat {number}")
    whole = client.get(SEARCH, {"q": "coat"})
    part = client.get(SEARCH, {"q": "coat"}, headers=HTMX)
    more = client.get(whole.context["next_url"], headers=HTMX)
    assert "<html" in whole.text
    assert "<html" not in part.text
    assert 'id="results"' in part.text
    assert 'id="results"' not in more.text
    assert len(more.context["cards"]) == 1
    assert "HX-Request" in whole["Vary"]


def test_a_typing_error_is_corrected_on_the_page(client: Client) -> None:
    make_listing(title="Leather boots")
    answer = client.get(SEARCH, {"q": "lether"})
    assert answer.context["did_you_mean"] == {"text": "leather", "url": "/search/?q=leather"}
    assert "Leather boots" in answer.text


@pytest.mark.parametrize(
    "url", ["?q=%00&min_price=x", "?photo=abc", "?sort=x&condition=y", "?q=%22-+%2A", "?attr_x=%27&category=..%2F.."]
)
def test_no_url_makes_the_page_fail(client: Client, url: str) -> None:
    make_listing()
    assert client.get(SEARCH + url).status_code == 200


def test_a_page_that_is_no_more_leads_to_the_first(client: Client) -> None:
    answer = client.get(SEARCH, {"q": "coat", "after": "damaged"})
    assert (answer.status_code, answer["Location"]) == (302, "/search/?q=coat")


def test_hearts_are_shown_to_whoever_set_them(client: Client) -> None:
    listing, account = make_listing(title="Red coat"), make_account()
    client.force_login(account)
    client.post(reverse("feed:like", args=[listing.pk]), {"liked": "1"})
    assert client.get(SEARCH, {"q": "coat"}).context["cards"][0]["liked"]
    assert not Client().get(SEARCH, {"q": "coat"}).context["cards"][0]["liked"]
    assert marked(account, []) == []


def test_a_photo_leads_to_its_results_along_with_words_and_filters(
    client: Client, work_done: Callable[[], None]
) -> None:
    make_listing(title="Red coat", colour=RED)
    make_listing(title="Blue coat", colour=BLUE)
    work_done()
    answer = client.post(BY_PHOTO, {"photo": a_file(BLUE), "q": "coat", "condition": "good", "listing": "1"})
    photo = Photo.objects.latest("pk")
    assert answer.status_code == 303
    address = urlsplit(answer["Location"])
    assert address.path == SEARCH
    assert parse_qs(address.query) == {"q": ["coat"], "photo": [str(photo.pk)], "condition": ["good"]}
    page = client.get(answer["Location"])
    assert page.context["cards"][0]["title"] == "Blue coat"
    assert page.context["total_text"] == "About 2 listings"
    thumb = next(chip for chip in page.context["asked"] if chip["thumb"])
    assert thumb["label"] == "Your photo"
    assert client.get(thumb["thumb"])["Content-Type"] == "image/webp"


def test_somebody_elses_photo_is_not_searched_with_and_not_shown(client: Client) -> None:
    make_listing(title="Red coat")
    send(client)
    photo = Photo.objects.latest("pk")
    stranger = Client()
    answer = stranger.get(f"{SEARCH}?q=coat&photo={photo.pk}")
    assert answer.status_code == 404
    assert "not yours" in answer.context["form_error"]
    assert "Red coat" in answer.text
    address = reverse("search:thumb", args=[photo.pk])
    assert stranger.get(address).status_code == 404
    assert client.get(address).status_code == 200
    assert client.get(address)["Cache-Control"].startswith("private")
    assert stranger.get(API, {"photo": photo.pk}).status_code == 404


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"", "empty"), (b"not a photo", "photo"), (photo_bytes()[:300], "photo")]
)
def test_a_file_that_is_no_photo_is_refused_with_a_sentence_beside_the_field(
    client: Client, content: bytes, sentence: str
) -> None:
    answer = client.post(BY_PHOTO, {"photo": a_file(content=content), "q": "coat"})
    assert answer.status_code == 422
    assert sentence in answer.context["form_error"].lower()
    assert 'id="by-photo-error"' in answer.text
    assert answer.context["q"] == "coat"
    assert not Photo.objects.exists()


def test_no_file_at_all_is_refused_with_a_sentence(client: Client) -> None:
    answer = client.post(BY_PHOTO, {"q": "coat"})
    assert answer.status_code == 422
    assert answer.context["form_error"] == "Choose a photo first."


def test_photos_are_only_sent_by_post_and_only_from_our_own_pages(client: Client) -> None:
    assert client.get(BY_PHOTO).status_code == 405
    assert Client(enforce_csrf_checks=True).post(BY_PHOTO, {"photo": a_file()}).status_code == 403
    assert not Photo.objects.exists()


def test_too_many_photos_are_refused_for_a_while(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.PhotoThrottle, "rate", "2/min", raising=False)
    assert [send(client).status_code for _number in range(3)] == [303, 303, 429]
    answer = send(client)
    assert int(answer["Retry-After"]) > 0
    assert "Wait a minute" in answer.context["form_error"]
    assert client.post(f"{API}photo/", {"photo": a_file()}).status_code == 429
    assert Photo.objects.count() == 2


def test_the_page_says_when_photos_cannot_be_compared(client: Client) -> None:
    make_listing(title="Red coat")
    page = client.get(send(client)["Location"])
    assert page.status_code == 200
    assert "Photos cannot be compared right now" in page.text
    assert "Red coat" in page.text


# The API


def test_the_api_finds_by_words_for_anyone(client: Client) -> None:
    make_listing(title="Red coat")
    make_listing(title="Blue hat")
    body = client.get(API, {"q": "lether OR coat", "strict": "1"}).json()
    assert body["results"] == []
    body = client.get(API, {"q": "coat", "facets": "true"}).json()
    assert [card["title"] for card in body["results"]] == ["Red coat"]
    assert (body["total"], body["next_cursor"], body["photo"], body["photo_unanswered"]) == (1, None, None, False)
    assert {facet["param"] for facet in body["facets"]} == {"category", "condition", "colour"}
    assert "facets" not in client.get(API, {"q": "coat"}).json()


def test_the_api_goes_on_page_by_page(client: Client) -> None:
    seller = make_seller()
    for _number in range(3):
        make_listing(seller, title="Coat")
    first = client.get(f"{API}?q=coat&limit=2").json()
    second = client.get(API, {"q": "coat", "limit": 2, "after": first["next_cursor"]}).json()
    assert len({card["id"] for card in first["results"] + second["results"]}) == 3
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": 101},
        {"limit": 0},
        {"sort": "random"},
        {"min_price": "x"},
        {"photo": "x"},
        {"after": "damaged", "q": "a"},
    ],
)
def test_the_api_refuses_what_makes_no_sense(client: Client, parameters: Any) -> None:
    make_listing(title="a")
    answer = client.get(API, parameters)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_the_api_finds_by_a_photo_sent_along_and_by_listing(client: Client, work_done: Callable[[], None]) -> None:
    red = make_listing(title="Red coat", colour=RED)
    blue = make_listing(title="Blue coat", colour=BLUE)
    work_done()
    body = client.post(f"{API}photo/", {"photo": a_file(BLUE), "limit": "1"}).json()
    assert [card["id"] for card in body["results"]] == [blue.pk]
    rest = client.get(API, {"photo": body["photo"], "limit": 1, "after": body["next_cursor"]}).json()
    assert [card["id"] for card in rest["results"]] == [red.pk]
    body = client.get(API, {"listing": red.pk}).json()
    assert [card["id"] for card in body["results"]] == [blue.pk]


def test_the_api_refuses_a_file_that_is_no_photo(client: Client) -> None:
    answer = client.post(f"{API}photo/", {"photo": io.BytesIO(b"no photo")})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_image"
    assert client.post(f"{API}photo/", {}).status_code == 400
    assert not Photo.objects.exists()


def test_the_api_searches_with_a_drafts_photo_for_its_seller_only(client: Client) -> None:
    seller = make_seller()
    draft = make_listing(seller, publish=False)
    assert client.get(API, {"listing": draft.pk}).status_code == 404
    assert client.get(f"{API}?photo={draft.cover_id}").status_code == 404
    assert seller.account is not None
    client.force_login(seller.account)
    assert client.get(f"{API}?photo={draft.cover_id}").status_code == 200


# Wishes, reasons, and what is let go of


def test_chips_say_what_is_asked_of_the_picture_and_lead_to_the_rest(
    client: Client, work_done: Callable[[], None]
) -> None:
    red, blue = make_listing(title="Red coat", colour=RED), make_listing(title="Blue coat", colour=BLUE)
    green = make_listing(title="Green coat", colour=(30, 160, 30))
    work_done()
    url = f"q=coat&listing={red.pk}&crop=0,0,0.5,1&but=wool&without=dots&balance=80&like={blue.pk}&unlike={green.pk}"
    answer = client.get(f"{SEARCH}?{url}&cheaper=1&strict=1")
    chips = {chip["label"]: parse_qs(urlsplit(chip["remove_url"]).query) for chip in answer.context["asked"]}
    whole = parse_qs(urlsplit(f"?{url}&cheaper=1&strict=1").query)
    without = {label: {name for name in whole if name not in rest} for label, rest in chips.items()}
    assert without == {
        "coat": {"q"},
        "Like “Red coat”": {"listing", "crop", "balance", "cheaper"},
        "only a part of it": {"crop"},
        "photo 80 %": {"balance"},
        "More like “Blue coat”": {"like"},
        "Less like “Green coat”": {"unlike"},
        "but wool": {"but"},
        "without dots": {"without"},
        "cheaper": {"cheaper"},
        "exactly this": {"strict"},
    }


def test_a_photo_can_be_refined_on_the_page(client: Client, work_done: Callable[[], None]) -> None:
    listing = make_listing(title="Red coat", colour=RED)
    work_done()
    answer = client.get(f"{SEARCH}?q=coat&listing={listing.pk}&but=blue,+without+dots&sort=newest")
    refine = answer.context["refine"]
    assert refine["wish"] == "blue without dots"
    assert {(pair["name"], pair["value"]) for pair in refine["kept"]} == {
        ("q", "coat"),
        ("listing", str(listing.pk)),
        ("sort", "newest"),
    }
    assert 'type="range"' in answer.text
    assert 'name="crop" value="0,0,1,0.5"' in answer.text
    photo = client.get(refine["photo_url"])
    assert photo["Content-Type"] == "image/webp"
    assert client.get(SEARCH, {"q": "coat"}).context["refine"] is None


def test_the_larger_picture_of_an_upload_is_shown_to_its_sender_only(client: Client) -> None:
    send(client)
    address = reverse("search:query_photo", args=[Photo.objects.latest("pk").pk])
    assert client.get(address).status_code == 200
    assert client.get(address)["Cache-Control"].startswith("private")
    assert Client().get(address).status_code == 404


def test_every_result_says_why_and_leads_to_more_and_less_like_it(client: Client) -> None:
    make_listing(title="Red coat")
    make_listing(title="Red coat with a hood")
    answer = client.get(SEARCH, {"q": "coat"})
    first, second = answer.context["results"]
    assert [bar["name"] for bar in first["bars"]] == ["words", "freshness"]
    assert first["bars"][0]["width"] == 100 > second["bars"][0]["width"]
    assert float(first["score"]) == pytest.approx(sum(float(bar["value"]) for bar in first["bars"]), abs=0.002)
    number = first["card"]["id"]
    assert first["more_url"] == f"/search/?q=coat&like={number}"
    assert first["less_url"] == f"/search/?q=coat&unlike={number}"
    assert '<details class="why">' in answer.text
    assert '<details class="why" open>' in client.get(SEARCH, {"q": "coat", "explain": "1"}).text
    assert client.get(first["less_url"]).context["results"][0]["card"]["id"] != number


def test_nothing_is_explained_where_nothing_is_ranked(client: Client) -> None:
    make_listing(title="Red coat")
    (result,) = client.get(SEARCH).context["results"]
    assert result["bars"] == []
    assert result["more_url"]


def test_a_thumb_is_kept_and_shown_again(client: Client) -> None:
    listing = make_listing(title="Red coat")
    key = client.get(SEARCH, {"q": "coat"}).context["query_key"]
    client.post(f"{reverse('feedback:judge', args=[listing.pk])}?query={key}", {"thumb": "1"})
    (result,) = client.get(SEARCH, {"q": "coat"}).context["results"]
    assert result["card"]["thumb"] == 1
    assert [bar["name"] for bar in result["bars"]] == ["words", "feedback", "freshness"]
    (seen_by_others,) = Client().get(SEARCH, {"q": "coat"}).context["results"]
    assert seen_by_others["card"]["thumb"] == 0


def test_words_that_nothing_has_together_are_let_go_in_plain_sight(client: Client) -> None:
    make_listing(title="Leather boots")
    make_listing(title="Woollen boots")
    make_listing(title="Leather belt")
    answer = client.get(SEARCH, {"q": "leather woollen boots"})
    assert "This is without “woollen”" in answer.context["relaxed"]["text"]
    assert [result["card"]["title"] for result in answer.context["results"]] == ["Leather boots"]
    strict = client.get(answer.context["relaxed"]["strict_url"])
    assert strict.context["results"] == []
    assert strict.context["relaxed"] is None


def test_the_filter_that_leaves_nothing_is_let_go_in_plain_sight(client: Client) -> None:
    make_listing(title="Leather boots", price="80")
    make_listing(title="Leather belt", price="15")
    answer = client.get(SEARCH, {"q": "boots", "max_price": "20", "condition": "good"})
    assert answer.context["relaxed"]["text"] == "Nothing passes every filter. This is without: up to 20."
    assert [result["card"]["title"] for result in answer.context["results"]] == ["Leather boots"]


def test_what_people_are_shown_is_written_down(client: Client) -> None:
    listing = make_listing(title="Red coat")
    client.get(SEARCH, {"q": "Coat"})
    client.get(API, {"q": "coat"})
    client.get(SEARCH)
    recorder().write()
    rows = list(SearchLog.objects.order_by("pk").values("key", "text", "listing_ids", "total", "first_position"))
    assert rows == [
        {"key": "coat", "text": text, "listing_ids": [listing.pk], "total": 1, "first_position": 1}
        for text in ("Coat", "coat")
    ]


def test_the_api_explains_by_parts_that_add_up_exactly(client: Client, work_done: Callable[[], None]) -> None:
    seller = make_seller()
    for number in range(6):
        make_listing(seller, title=f"Coat {number}", colour=(200, 40 * number, 30))
    work_done()
    body = client.get(f"{API}?q=coat&like={Listing.objects.latest('pk').pk}&explain=1").json()
    scores = [result["score"] for result in body["results"]]
    assert scores == [sum(result["parts"].values()) for result in body["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1
    assert tuple(body["results"][0]["parts"]) == FEATURES
    assert body["relaxed"] is None
    assert not body["looks_unanswered"]
    assert "parts" not in client.get(API, {"q": "coat"}).json()["results"][0]


@pytest.mark.parametrize(
    "parameters",
    [
        {"crop": "0,0,2,1"},
        {"crop": "x"},
        {"balance": "101"},
        {"like": "x"},
        {"like": [str(number) for number in range(1, 12)]},
        {"but": "x" * 101},
        {"colour": "reddish"},
        {"explain": "maybe"},
        {"strict": "2"},
    ],
)
def test_the_api_refuses_wishes_that_make_no_sense(client: Client, parameters: Any) -> None:
    make_listing(title="a")
    answer = client.get(API, parameters)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
