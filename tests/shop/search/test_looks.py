"""Words, examples, crops and wishes meet pictures: an encoder that knows the names of colours answers here."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from PIL import Image

from feira.core.errors import EncoderChanged
from feira.core.recommend.ranking import FEATURES, Weights
from feira.core.testing.photos import photo_bytes
from feira.engine.client import EngineClient
from feira.shop.feedback.keys import query_key
from feira.shop.feedback.people import Person
from feira.shop.feedback.services import judge
from feira.shop.learning.services import promote, propose
from feira.shop.listings.models import Listing
from feira.shop.search import finding
from feira.shop.search.features import features_of
from feira.shop.search.query import SearchQuery
from feira.shop.search.selectors import Searcher
from feira.shop.search.services import SearchAnswer, search_listings, take_query_photo
from tests.factories import make_category, make_listing, make_seller

RED, DARK_RED, BLUE, GREEN = (220, 20, 20), (200, 40, 40), (20, 20, 220), (20, 220, 20)
GUEST = Searcher(AnonymousUser())


def asked(url: str, searcher: Searcher = GUEST, **options: Any) -> SearchAnswer:
    return search_listings(SearchQuery.from_url(QueryDict(url)), searcher, **options)


def titles(answer: SearchAnswer) -> list[str]:
    return [card["title"] for card in answer.cards]


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """Return a picture of two colours side by side."""
    picture = Image.new("RGB", (200, 200), left)
    picture.paste(right, (100, 0, 200, 200))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def sent(content: bytes) -> tuple[int, Searcher]:
    """Send a photo as a guest; return its number and the guest's browser."""
    photo = take_query_photo(content=content, visitor=AnonymousUser())
    return photo.pk, Searcher(AnonymousUser(), [photo.pk])


@pytest.fixture
def things(seen: Callable[[], None]) -> dict[str, Listing]:
    """Six listings whose titles say nothing of their colours, in the index."""
    seller = make_seller()
    looks = {"Amber": RED, "Birch": RED, "Cedar": BLUE, "Dune": BLUE, "Elm": GREEN, "Fern": GREEN}
    made = {
        title: make_listing(seller, title=title, colour=look, price=str(10 * number))
        for number, (title, look) in enumerate(looks.items(), start=1)
    }
    seen()
    return made


def test_photos_that_nobody_described_are_found_by_words(things: dict[str, Listing]) -> None:
    answer = asked("q=red")
    assert sorted(titles(answer)) == ["Amber", "Birch"]
    assert answer.is_by_looks
    assert not answer.has_words
    assert not answer.is_unanswered


def test_what_says_the_word_goes_before_what_only_looks_like_it(
    things: dict[str, Listing], seen: Callable[[], None]
) -> None:
    make_listing(title="Red tin", colour=GREEN)
    seen()
    answer = asked("q=red")
    assert titles(answer)[0] == "Red tin"
    assert sorted(titles(answer)[1:]) == ["Amber", "Birch"]
    assert answer.has_words


def test_words_that_no_listing_has_still_say_what_is_meant(
    things: dict[str, Listing], seen: Callable[[], None]
) -> None:
    make_listing(title="Plain tin", colour=GREEN)
    make_listing(title="Plain tin", colour=RED)
    seen()
    answer = asked("q=red+plain+tin")
    assert answer.relaxed.words == ("red",)
    first, second = (answer.parts[card["id"]].tolist() for card in answer.cards[:2])
    assert titles(answer)[:2] == ["Plain tin", "Plain tin"]
    assert first[FEATURES.index("picture")] > second[FEATURES.index("picture")]


def test_strict_leaves_out_what_only_looks_like_the_words(things: dict[str, Listing]) -> None:
    assert titles(asked("q=red&strict=1")) == []
    assert titles(asked("q=amber&strict=1")) == ["Amber"]


def test_a_filter_holds_for_what_is_found_by_its_looks_too(things: dict[str, Listing]) -> None:
    assert titles(asked("q=red&max_price=10")) == ["Amber"]
    assert asked("q=red&max_price=10").price == asked("q=red").price


def test_a_filter_that_leaves_nothing_is_let_go_and_named(things: dict[str, Listing]) -> None:
    answer = asked(f"listing={things['Amber'].pk}&max_price=1")
    assert answer.relaxed.filters == ("max_price",)
    assert titles(answer)[0] == "Birch"


def test_the_part_of_the_photo_that_counts_is_compared(things: dict[str, Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    left = asked(f"photo={photo}&crop=0,0,0.5,1", browser)
    right = asked(f"photo={photo}&crop=0.5,0,0.5,1", browser)
    assert sorted(titles(left)[:2]) == ["Amber", "Birch"]
    assert sorted(titles(right)[:2]) == ["Cedar", "Dune"]


def test_like_this_but_another_colour(things: dict[str, Listing]) -> None:
    answer = asked(f"listing={things['Amber'].pk}&but=blue")
    assert sorted(titles(answer)[:2]) == ["Cedar", "Dune"]


def test_like_this_without_what_it_shows_most_goes_elsewhere(things: dict[str, Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    assert sorted(titles(asked(f"photo={photo}&without=red", browser))[:2]) == ["Cedar", "Dune"]
    assert sorted(titles(asked(f"photo={photo}&but=without+blue", browser))[:2]) == ["Amber", "Birch"]


def test_cheaper_is_below_the_price_of_what_is_shown(things: dict[str, Listing]) -> None:
    answer = asked(f"listing={things['Dune'].pk}&but=cheaper")
    assert titles(answer)[0] == "Cedar"
    assert sorted(titles(answer)) == ["Amber", "Birch", "Cedar"]


def test_liked_and_disliked_listings_turn_the_query(things: dict[str, Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    more = asked(f"photo={photo}&like={things['Cedar'].pk}", browser)
    assert sorted(titles(more)[:2]) == ["Cedar", "Dune"]
    less = asked(f"photo={photo}&unlike={things['Cedar'].pk}", browser)
    assert sorted(titles(less)[:2]) == ["Amber", "Birch"]
    assert "Cedar" not in titles(less)
    assert [example.title for example in less.examples.values()] == ["Cedar"]


def test_examples_alone_are_a_query(things: dict[str, Listing]) -> None:
    assert sorted(titles(asked(f"like={things['Elm'].pk}"))[:2]) == ["Elm", "Fern"]


def test_an_example_that_one_may_not_see_counts_for_nothing(
    things: dict[str, Listing], seen: Callable[[], None]
) -> None:
    draft = make_listing(title="Secret", colour=GREEN, publish=False)
    seen()
    answer = asked(f"like={draft.pk}")
    assert answer.examples == {}
    assert not answer.is_by_looks


def test_the_balance_decides_between_words_and_photo(things: dict[str, Listing]) -> None:
    photo, browser = sent(photo_bytes(colour=BLUE, size=(80, 80)))
    assert titles(asked(f"q=amber&photo={photo}&balance=0", browser))[0] == "Amber"
    assert sorted(titles(asked(f"q=amber&photo={photo}&balance=100", browser))[:2]) == ["Cedar", "Dune"]


def test_minus_words_count_in_pictures_as_well(things: dict[str, Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    assert sorted(titles(asked(f"q=-red&photo={photo}", browser))[:2]) == ["Cedar", "Dune"]


def say(key: str, listing: Listing, value: int, *names: str) -> None:
    """Let people judge a listing as an answer to a query."""
    for name in names:
        person = Person(None, name, f"address of {name}")
        judge(key=key, text="", listing_id=listing.pk, value=value, person=person)


def test_a_thumb_changes_the_order_of_the_next_search(things: dict[str, Listing]) -> None:
    first, second = titles(asked("q=red"))
    say(query_key("red"), things[first], -1, "ada")
    answer = asked("q=red")
    assert titles(answer) == [second, first]
    parts = dict(zip(FEATURES, answer.parts[things[first].pk].tolist(), strict=True))
    assert parts["feedback"] < 0


def test_what_looks_like_the_praised_comes_along(things: dict[str, Listing]) -> None:
    photo, browser = sent(halves(RED, BLUE))
    say(query_key("", photo_id=photo), things["Cedar"], 1, "ada", "bob", "cyd", "dee", "eva")
    answer = asked(f"photo={photo}", browser)
    assert titles(answer)[:2] == ["Cedar", "Dune"], "nobody said anything about Dune"


def test_every_result_is_explained_by_parts_that_add_up(things: dict[str, Listing]) -> None:
    answer = asked("q=red+amber")
    totals = [float(answer.parts[card["id"]].sum()) for card in answer.cards]
    assert totals == sorted(totals, reverse=True)
    parts = dict(zip(FEATURES, answer.parts[things["Amber"].pk].tolist(), strict=True))
    assert parts["words"] > 0
    assert parts["picture"] > 0
    assert sum(parts.values()) == totals[0]


def test_learned_weights_replace_the_built_in_ones(things: dict[str, Listing]) -> None:
    photo, browser = sent(photo_bytes(colour=BLUE, size=(80, 80)))
    assert titles(asked(f"q=amber&photo={photo}", browser))[0] == "Amber"
    only_looks = Weights(words=0, picture=4, tags=0, feedback=0, freshness=0, popularity=0, rule=0)
    promote(propose(part="query_ranker", content=only_looks.pack()))
    answer = asked(f"q=amber&photo={photo}", browser)
    assert titles(answer)[0] in {"Cedar", "Dune"}
    assert {parts[0] for parts in answer.parts.values()} == {0.0}


def test_learned_weights_that_cannot_be_read_leave_the_built_in_ones(things: dict[str, Listing]) -> None:
    promote(propose(part="query_ranker", content=b"damaged"))
    assert titles(asked("q=amber"))[0] == "Amber"


def test_features_of_judged_listings_are_those_that_ranked_them(things: dict[str, Listing]) -> None:
    query = SearchQuery(text="red amber")
    answer = asked("q=red+amber")
    ids = [card["id"] for card in answer.cards]
    features = features_of(query, ids)
    assert features.shape == (len(ids), len(FEATURES))
    weighed = features * Weights().row()
    for row, listing_id in zip(weighed, ids, strict=True):
        assert row == pytest.approx(answer.parts[listing_id], abs=1e-3)


def test_a_bounded_number_of_requests_reaches_the_engine(
    things: dict[str, Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, browser = sent(halves(RED, BLUE))
    sent_to: list[str] = []
    send = EngineClient._send

    def noted(client: EngineClient, method: str, path: str, **rest: Any) -> Any:
        sent_to.append(path)
        return send(client, method, path, **rest)

    monkeypatch.setattr(EngineClient, "_send", noted)
    asked("q=red")
    assert sent_to == ["/encode-texts", "/search", "/search"]
    sent_to.clear()
    asked(f"photo={photo}&crop=0,0,0.5,1", browser)
    assert sent_to == ["/status", "/encode", "/search", "/search"]
    sent_to.clear()
    likes = f"like={things['Elm'].pk}&unlike={things['Fern'].pk}"
    asked(f"q=red+-green&photo={photo}&but=blue&without=red&max_price=90&{likes}", browser)
    told_by_likeness = ["/status", "/encode", "/search", "/search"]
    assert sent_to == [*told_by_likeness, "/encode-texts", "/encode", "/search", "/search", "/search"]


def test_a_change_of_encoder_between_two_requests_costs_no_answer(
    things: dict[str, Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [EncoderChanged("Another encoder serves now. Ask again.")]
    ask = EngineClient.search

    def changing(client: EngineClient, *given: Any, **rest: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return ask(client, *given, **rest)

    monkeypatch.setattr(EngineClient, "search", changing)
    answer = asked("q=red")
    assert sorted(titles(answer)) == ["Amber", "Birch"]
    assert not answer.is_unanswered


def test_words_answer_at_once_while_the_engine_is_known_to_be_away(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_listing(title="Red coat", category=make_category("Coats"))
    asked_at: list[str] = []
    by_looks = finding._by_looks

    def noted(*given: Any, **rest: Any) -> Any:
        asked_at.append("engine")
        return by_looks(*given, **rest)

    monkeypatch.setattr(finding, "_by_looks", noted)
    answers = [asked("q=coat") for _time in range(3)]
    assert asked_at == ["engine"]
    assert all(titles(answer) == ["Red coat"] and answer.is_unanswered for answer in answers)
