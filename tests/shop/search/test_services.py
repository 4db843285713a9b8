"""Finding listings by words, by a photo, or both."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from feira.core.testing.photos import photo_bytes
from feira.shop.feedback.models import Click
from feira.shop.listings.facets import PriceRange
from feira.shop.listings.models import Attribute, Listing
from feira.shop.listings.selectors import ListingFilter
from feira.shop.listings.services import ensure_attribute, ensure_choice, mark_sold
from feira.shop.photos.models import Embedding, Photo
from feira.shop.search import candidates, finding, matching, services, similarity
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import PhotoNotFound, Searcher
from feira.shop.search.services import SearchAnswer, search_listings, take_query_photo
from feira.shop.search.typos import vocabulary
from feira.shop.web.cursors import InvalidCursor
from tests.factories import make_account, make_category, make_listing, make_seller

RED, DARK_RED, BLUE, GREEN = (200, 30, 30), (170, 30, 40), (30, 30, 200), (30, 170, 60)
GUEST = Searcher(AnonymousUser())


def asked(url: str = "", searcher: Searcher = GUEST, **options: Any) -> SearchAnswer:
    return search_listings(SearchQuery.from_url(QueryDict(url)), searcher, **options)


def titles(answer: SearchAnswer) -> list[str]:
    return [card["title"] for card in answer.cards]


def photo_of(answer: SearchAnswer) -> int | None:
    return answer.photo.id if answer.photo else None


def upload(colour: tuple[int, int, int]) -> tuple[Photo, Searcher]:
    """Send a photo as a guest; return it and the guest's browser."""
    photo = take_query_photo(content=photo_bytes(colour=colour, size=(70, 70)), visitor=AnonymousUser())
    return photo, Searcher(AnonymousUser(), [photo.pk])


@pytest.fixture
def colours(work_done: Callable[[], None]) -> dict[str, Listing]:
    """Four listings of different colours, in the index."""
    seller = make_seller()
    looks = {"Red coat": RED, "Dark red hat": DARK_RED, "Blue coat": BLUE, "Green scarf": GREEN}
    prices = {"Red coat": "10", "Dark red hat": "20", "Blue coat": "30", "Green scarf": "40"}
    made = {title: make_listing(seller, title=title, colour=look, price=prices[title]) for title, look in looks.items()}
    work_done()
    return made


# Words


@pytest.mark.django_db
def test_words_find_the_best_match_first_with_count_and_facets() -> None:
    make_listing(title="Red coat", category=make_category("Coats"), price="10")
    make_listing(title="Hat", description="goes with a red coat", category=make_category("Hats"), price="30")
    make_listing(title="Blue shoes")
    answer = asked("q=red+coat")
    assert titles(answer) == ["Red coat", "Hat"]
    assert answer.total == 2
    assert answer.next_cursor is None
    categories = next(facet for facet in answer.facets if facet.param == "category")
    assert {option.value: option.count for option in categories.options} == {"coats": 1, "hats": 1}
    assert answer.price == PriceRange(Decimal(10), Decimal(30))


@pytest.mark.django_db
def test_without_words_the_newest_come_first() -> None:
    make_listing(title="Older")
    make_listing(title="Newer")
    assert titles(asked()) == ["Newer", "Older"]
    assert titles(asked("q=-older")) == ["Newer"]


@pytest.mark.django_db
def test_a_slip_of_the_finger_is_corrected_and_said() -> None:
    make_listing(title="Leather boots")
    answer = asked("q=lether+bots+-wool")
    assert titles(answer) == ["Leather boots"]
    assert answer.did_you_mean == "leather boots -wool"
    assert asked("q=leather").did_you_mean is None


@pytest.mark.django_db
def test_a_word_that_is_too_new_for_the_vocabulary_is_found_all_the_same() -> None:
    make_listing(title="Leather boots")
    vocabulary.get()
    make_listing(title="Leathes boots")
    answer = asked("q=leathes+boots")
    assert titles(answer) == ["Leathes boots"]
    assert answer.did_you_mean is None


@pytest.mark.django_db
def test_filters_narrow_and_facets_still_show_the_other_choices() -> None:
    coats, hats = make_category("Coats"), make_category("Hats")
    for category in (coats, hats):
        colour = ensure_attribute(code="colour", kind=Attribute.Kind.CHOICE, category=category)
    for value in ("Red", "Blue"):
        ensure_choice(attribute=colour, value=value)
    make_listing(title="Warm red", category=coats, price="10", attributes={"colour": "Red"})
    make_listing(title="Warm blue", category=coats, price="20", attributes={"colour": "Blue"})
    make_listing(title="Warm hat", category=hats, price="30", attributes={"colour": "Red"})
    assert titles(asked("q=warm&category=coats&sort=cheapest")) == ["Warm red", "Warm blue"]
    assert titles(asked("q=warm&attr_colour=Red&max_price=15")) == ["Warm red"]
    facets = {facet.param: facet for facet in asked("q=warm&attr_colour=Red").facets}
    assert {option.value: (option.count, option.active) for option in facets["attr_colour"].options} == {
        "Red": (2, True),
        "Blue": (1, False),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("sort", ["relevance", "newest", "cheapest", "dearest"])
def test_pages_follow_each_other_without_gap_or_repetition(sort: str) -> None:
    seller = make_seller()
    made = [make_listing(seller, title="Red coat", price=str(10 + n % 3)) for n in range(7)]
    url, seen = f"q=coat&sort={sort}", []
    answer = asked(url, size=3)
    while True:
        seen += [card["id"] for card in answer.cards]
        assert answer.total == 7
        if answer.next_cursor is None:
            break
        answer = asked(f"{url}&after={answer.next_cursor}", size=3)
    assert sorted(seen) == sorted(listing.pk for listing in made)
    assert len(seen) == 7


@pytest.mark.django_db
def test_the_next_page_goes_on_behind_the_last_listing_shown_when_better_ones_came() -> None:
    seller = make_seller()
    made = [make_listing(seller, title="Red coat") for _number in range(4)]
    first = asked("q=coat", size=2)
    make_listing(seller, title="Red coat")
    second = asked(f"q=coat&after={first.next_cursor}", size=2)
    assert [card["id"] for card in first.cards + second.cards] == [listing.pk for listing in reversed(made)]


@pytest.mark.django_db
@pytest.mark.parametrize("after", ["x", "WyJyZWxldmFuY2UiLC0xLDFd", "WyJuZXdlc3QiLCJhIiwxXQ"])
def test_a_cursor_of_another_order_is_refused(after: str) -> None:
    make_listing(title="Red coat")
    with pytest.raises(InvalidCursor):
        asked(f"q=coat&after={after}")


@pytest.mark.django_db
@pytest.mark.parametrize("count", [30, 300])
def test_a_page_costs_the_same_number_of_queries_whatever_is_found(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = make_listing(title="Red coat")
    listings = [
        Listing(
            seller=first.seller,
            category=first.category,
            title=f"Red coat {number}",
            price=number,
            currency="EUR",
            state="live",
            published_at=first.published_at,
            cover=first.cover,
        )
        for number in range(count)
    ]
    Listing.objects.bulk_create(listings)
    asked("q=coat")
    # By words 1, feedback 1, facts 1, visits 1, version of the weights 1, cards 1; and 6 for facets and price.
    with django_assert_num_queries(12):
        assert asked("q=coat").total == count + 1
    with django_assert_num_queries(6):
        assert len(asked("q=coat", with_facets=False).cards) == 24


# Photos


def test_a_photo_finds_what_looks_like_it(colours: dict[str, Listing]) -> None:
    photo, browser = upload(RED)
    answer = asked(f"photo={photo.pk}", browser)
    assert titles(answer)[:2] == ["Red coat", "Dark red hat"]
    assert answer.total == 4
    assert photo_of(answer) == photo.pk
    assert not answer.is_photo_unanswered


def test_a_photo_that_is_not_embedded_yet_is_looked_at_now(colours: dict[str, Listing]) -> None:
    photo, browser = upload(BLUE)
    assert not Embedding.objects.filter(photo=photo).exists()
    assert titles(asked(f"photo={photo.pk}", browser))[0] == "Blue coat"


def test_what_looks_like_a_listing_leaves_that_listing_out(colours: dict[str, Listing]) -> None:
    answer = asked(f"listing={colours['Red coat'].pk}")
    assert titles(answer)[0] == "Dark red hat"
    assert answer.total == 3


def test_words_and_photo_together_put_first_what_answers_both(colours: dict[str, Listing]) -> None:
    photo, browser = upload(RED)
    assert titles(asked(f"q=coat&photo={photo.pk}", browser))[0] == "Red coat"
    photo, browser = upload(BLUE)
    answer = asked(f"q=coat&photo={photo.pk}", browser)
    assert titles(answer)[0] == "Blue coat"
    assert answer.total == 4


def test_minus_words_leave_out_what_looks_alike(colours: dict[str, Listing]) -> None:
    photo, browser = upload(RED)
    answer = asked(f"q=-coat&photo={photo.pk}", browser)
    assert sorted(titles(answer)) == ["Dark red hat", "Green scarf"]


def test_a_narrow_filter_is_filled_from_the_far_end_of_the_ranking(
    colours: dict[str, Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one passing listing is the least similar: comparing only what passes finds it."""
    monkeypatch.setattr(candidates, "HITS", (1, 2))
    photo, browser = upload(RED)
    answer = asked(f"photo={photo.pk}&min_price=35", browser)
    assert titles(answer) == ["Green scarf"]


def test_a_wide_filter_that_leaves_out_the_nearest_is_filled_from_all_that_pass(
    colours: dict[str, Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More photos pass than are compared one by one, and none of the nearest: the engine is told which ones pass."""
    monkeypatch.setattr(candidates, "MOST_COMPARED", 0)
    monkeypatch.setattr(candidates, "HITS", (1, 2))
    photo, browser = upload(RED)
    answer = asked(f"photo={photo.pk}&min_price=35", browser)
    assert titles(answer) == ["Green scarf"]


def test_similar_listings_can_be_put_in_another_order(colours: dict[str, Listing]) -> None:
    photo, browser = upload(RED)
    answer = asked(f"photo={photo.pk}&sort=dearest", browser)
    assert titles(answer) == ["Green scarf", "Blue coat", "Dark red hat", "Red coat"]


def test_facets_of_a_photo_search_show_the_other_choices(colours: dict[str, Listing]) -> None:
    make_category("Empty")
    photo, browser = upload(RED)
    answer = asked(f"photo={photo.pk}&condition=new&strict=1", browser)
    assert answer.total == 0
    conditions = next(facet for facet in answer.facets if facet.param == "condition")
    assert [(option.value, option.count) for option in conditions.options] == [("good", 4)]


def test_a_sold_listing_is_not_found_by_its_photo(colours: dict[str, Listing]) -> None:
    mark_sold(listing=colours["Red coat"])
    photo, browser = upload(RED)
    assert "Red coat" not in titles(asked(f"photo={photo.pk}", browser))


def test_a_photo_search_costs_the_same_number_of_queries_whatever_there_is(
    colours: dict[str, Listing],
    work_done: Callable[[], None],
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(similarity, "SMALL_FRESH_FOR_S", 600)
    photo, browser = upload(RED)
    work_done()
    url = f"photo={photo.pk}"
    asked(url, browser)
    with django_assert_num_queries(15):
        asked(url, browser)
    seller = make_seller()
    for number in range(30):
        make_listing(seller, colour=(200, number, 30))
    work_done()
    with django_assert_num_queries(15):
        asked(url, browser)
    with django_assert_num_queries(17):
        asked(f"{url}&min_price=1", browser)


# The engine is away


@pytest.mark.django_db
def test_words_still_answer_when_photos_cannot_be_compared() -> None:
    make_listing(title="Red coat")
    make_listing(title="Blue hat")
    photo, browser = upload(RED)
    answer = asked(f"q=coat&photo={photo.pk}", browser)
    assert titles(answer) == ["Red coat"]
    assert answer.is_photo_unanswered


@pytest.mark.django_db
def test_a_photo_alone_shows_what_is_new_when_photos_cannot_be_compared() -> None:
    make_listing(title="Older", price="5")
    make_listing(title="Newer", price="50")
    photo, browser = upload(RED)
    assert titles(asked(f"photo={photo.pk}", browser)) == ["Newer", "Older"]
    assert titles(asked(f"photo={photo.pk}&max_price=10", browser)) == ["Older"]


# Who may search with which photo


@pytest.mark.django_db
def test_an_upload_belongs_to_who_sent_it() -> None:
    account, other = make_account(), make_account()
    own = take_query_photo(content=photo_bytes(), visitor=account)
    assert photo_of(asked(f"photo={own.pk}", Searcher(account))) == own.pk
    # Not even a browser that claims to have sent it, once it has an owner.
    for searcher in (GUEST, Searcher(other), Searcher(AnonymousUser(), [own.pk])):
        with pytest.raises(PhotoNotFound):
            asked(f"photo={own.pk}", searcher)


@pytest.mark.django_db
def test_a_guests_upload_belongs_to_their_browser() -> None:
    photo, browser = upload(RED)
    assert photo.owner is None
    assert not photo.is_public
    assert photo_of(asked(f"photo={photo.pk}", browser)) == photo.pk
    for searcher in (GUEST, Searcher(make_account()), Searcher(AnonymousUser(), [photo.pk + 1])):
        with pytest.raises(PhotoNotFound):
            asked(f"photo={photo.pk}", searcher)


@pytest.mark.django_db
def test_a_listings_photo_may_be_used_by_all_and_a_drafts_by_its_seller() -> None:
    live, seller = make_listing(), make_seller()
    draft = make_listing(seller, publish=False)
    assert seller.account is not None
    assert photo_of(asked(f"photo={live.cover_id}")) == live.cover_id
    assert photo_of(asked(f"listing={draft.pk}", Searcher(seller.account))) == draft.cover_id
    for url in (f"photo={draft.cover_id}", f"listing={draft.pk}", "photo=999999", "listing=999999"):
        with pytest.raises(PhotoNotFound):
            asked(url)


def test_listings_found_by_both_ways_gain_and_ties_go_to_the_newer() -> None:
    assert candidates.fused([5, 6], [6, 7]) == [6, 5, 7]
    assert candidates.fused([1, 2], [3, 4]) == [3, 1, 4, 2]
    assert candidates.fused([], []) == []


def test_no_more_than_a_thousand_are_ordered_but_all_are_counted(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_BY_WORDS", 3)
    monkeypatch.setattr(finding, "MOST_BY_WORDS", 3)
    monkeypatch.setattr(services, "MOST_RANKED", 3)
    seller = make_seller()
    for _number in range(5):
        make_listing(seller, title="Red coat")
    answer = asked("q=coat")
    assert len(answer.cards) == 3
    assert answer.total == 5
    assert ListingFilter().is_empty()


def test_what_was_opened_often_goes_up_but_not_at_once(db: None) -> None:
    """Else the order would change while somebody opens a result and comes back."""
    seller = make_seller()
    older, newer = (make_listing(seller, title="Red coat") for _number in range(2))
    assert [card["id"] for card in asked("q=coat").cards] == [newer.pk, older.pk]
    for _visit in range(60):
        Click.objects.create(key="coat", listing=older, position=2)
    assert [card["id"] for card in asked("q=coat").cards] == [newer.pk, older.pk]
    Click.objects.update(at=timezone.now() - timedelta(hours=2))
    assert [card["id"] for card in asked("q=coat").cards] == [older.pk, newer.pk]
