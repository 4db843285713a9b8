"""What an encoder that takes over does with words: compared on what people typed, and on what they called right."""

from collections.abc import Sequence

import pytest
from django.utils import timezone

from feira.engine.service import Engine
from feira.shop.feedback.models import JudgedQuery, Judgement, SearchLog
from feira.shop.listings.models import Listing
from feira.shop.photos import swap
from feira.shop.photos.models import ServedEncoder
from feira.shop.photos.roster import roster
from tests.engine.conftest import until
from tests.factories import make_listing
from tests.shop.photos.test_swap import is_served, run_jobs

RIGHT, WRONG, SPEECHLESS = "named-colours", "wrong-colours", "brightness"
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


@pytest.fixture
def live(transactional_db: None) -> ServedEncoder:
    return swap.settle(RIGHT, RIGHT)


@pytest.fixture
def listings(swapping_engine: Engine) -> dict[str, Listing]:
    """One plain listing of each colour, and what people typed to find it."""
    made = {name: make_listing(title=f"Thing {n}", colour=colour) for n, (name, colour) in enumerate(COLOURS.items())}
    run_jobs()
    for name in made:
        SearchLog.objects.create(key=name, text=name, total=1, took_ms=1.0)
    return made


def judge(listings: dict[str, Listing], *, sayings: Sequence[str] = ("a", "some", "very", "all")) -> None:
    for name, text in [(name, f"{said} {name}") for name in listings for said in sayings]:
        query = JudgedQuery.objects.create(key=text, text=text, word_count=2)
        for other, listing in listings.items():
            value = 1 if other == name else -1
            Judgement.objects.create(query=query, listing=listing, value=value, person="p", at=timezone.now())


def candidate_after(encoder_id: str) -> ServedEncoder | None:
    row = swap.begin(encoder_id, encoder_id)
    until(lambda: is_served(encoder_id))
    run_jobs()
    row.refresh_from_db()
    return row


def test_an_encoder_that_mistakes_what_people_judged_waits_for_a_person(listings: dict[str, Listing]) -> None:
    judge(listings)
    row = candidate_after(WRONG)
    assert row is not None
    assert row.state == "ready"
    judged = row.report["judged"]
    assert judged["ndcg_at_10_live"] == 1.0
    assert judged["ndcg_at_10_candidate"] < 0.9
    assert judged["worse"]
    assert row.report["queries"] == {"sample": 3, "overlap_at_10": 1.0}, "three listings are among the best ten anyway"
    assert swap.switch().encoder_id == WRONG, "a person may still decide so"


def test_a_few_opinions_hold_no_encoder_up(listings: dict[str, Listing]) -> None:
    judge(listings, sayings=("a",))
    row = candidate_after(WRONG)
    assert row is not None
    judged = row.report["judged"]
    assert (judged["queries"], judged["worse"]) == (3, False)
    assert judged["ndcg_at_10_candidate"] < judged["ndcg_at_10_live"], "what they say is told all the same"
    assert row.state == "live"


def test_an_encoder_that_cannot_be_asked_in_words_waits_for_a_person(
    listings: dict[str, Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feira.shop.search.encoder_swap.LEARNS_WITHIN_S", 0.0)
    row = candidate_after(SPEECHLESS)
    assert row is not None
    assert (row.state, row.report["queries"]["reads_words"]) == ("ready", False)


def test_without_judgements_nothing_is_said_of_them(listings: dict[str, Listing]) -> None:
    row = candidate_after(WRONG)
    assert row is not None
    assert row.state == "live"
    assert "judged" not in row.report
    now = roster()
    assert now.previous is not None
    assert now.previous.encoder_id == RIGHT
