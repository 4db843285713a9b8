"""The query ranker learns from judgements, is measured on queries it never saw, and serves only if it is better."""

from collections.abc import Callable

import numpy as np
import pytest

from feira.core.errors import EngineUnavailable
from feira.core.recommend.ranking import FEATURES, Weights
from feira.shop.feedback.people import Person
from feira.shop.feedback.selectors import judged_pairs
from feira.shop.feedback.services import judge
from feira.shop.insight.questions import query_from
from feira.shop.insight.ranker_training import is_held_out, judged_listings, train_ranker
from feira.shop.jobs import services as jobs
from feira.shop.jobs.models import Job
from feira.shop.learning.models import LearnedPart
from feira.shop.learning.selectors import live_part
from feira.shop.listings.models import Listing
from tests.factories import make_listing, make_seller

COLOURS = {"red": (200, 30, 30), "blue": (30, 60, 200), "green": (30, 160, 60)}


def say(text: str, key: str, listing: Listing, value: int) -> None:
    judge(key=key, text=text, listing_id=listing.pk, value=value, person=Person(None, "ada", "home"))


@pytest.fixture
def shop_of_colours(work_done: Callable[[], None]) -> dict[str, list[Listing]]:
    """Return listings by the colour of their photo; their titles name a colour too, mostly a wrong one."""
    seller = make_seller()
    made: dict[str, list[Listing]] = {colour: [] for colour in COLOURS}
    for colour, rgb in COLOURS.items():
        for number in range(4):
            wrong = sorted(set(COLOURS) - {colour})[number % 2]
            listing = make_listing(seller, title=f"{wrong} thing", colour=rgb)
            made[colour].append(listing)
    work_done()
    return made


def judge_by_looks(made: dict[str, list[Listing]], queries: int) -> None:
    """Say for many queries (a listing each, with a word that misleads) that only what looks alike is right."""
    for number in range(queries):
        colour = sorted(COLOURS)[number % 3]
        example, *alike = made[colour]
        wrong = [listing for other in COLOURS if other != colour for listing in made[other]]
        word = f"{colour} w{number}"
        key = " ".join(sorted([colour, f"w{number}", f"listing:{example.pk}"]))
        for listing in alike:
            say(word, key, listing, 1)
        for listing in wrong:
            say(word, key, listing, -1)


def test_a_key_leads_back_to_its_search() -> None:
    query = query_from("listing:5 red", "Red!")
    assert (query.text, query.listing_id, query.photo_id) == ("Red!", 5, None)
    assert query_from("dress red", "").text == "dress red"


@pytest.mark.django_db
def test_without_an_engine_nothing_is_learned() -> None:
    with pytest.raises(EngineUnavailable):
        train_ranker()


def test_too_few_judgements_make_no_candidate(shop_of_colours: dict[str, list[Listing]]) -> None:
    judge_by_looks(shop_of_colours, 6)
    trained = train_ranker()
    assert trained.candidate is None
    assert "10 of each are needed" in trained.reason


def test_what_is_learned_has_none_of_the_answers_in_it(shop_of_colours: dict[str, list[Listing]]) -> None:
    judge_by_looks(shop_of_colours, 3)
    for each in judged_listings(judged_pairs()):
        assert not each.features[:, FEATURES.index("feedback")].any()
        assert np.isfinite(each.features).all()


def test_people_who_judge_by_looks_teach_the_ranker_to_look(shop_of_colours: dict[str, list[Listing]]) -> None:
    judge_by_looks(shop_of_colours, 60)
    held_out = [key for key in judged_pairs() if is_held_out(key)]
    assert 10 <= len(held_out) <= 35

    jobs.submit("insight.train_ranker", {}, key="all")
    jobs.run_until_idle(["inference"])

    result = Job.objects.filter(kind="insight.train_ranker").latest("pk").result
    part = LearnedPart.objects.get()
    weights = Weights.unpack(bytes(part.content))
    assert weights.picture / max(weights.words, 1e-6) > Weights().picture / Weights().words
    assert part.report["loss_after"] < part.report["loss_before"]
    assert part.report["queries"] == len(held_out)
    assert part.made_from["held_out"] == len(held_out)
    assert part.report["mean_after"] >= part.report["mean_before"]
    assert live_part("query_ranker") == part
    assert result == {"reason": part.report["reason"], "serves": True, "version": 1}

    again = train_ranker()
    assert again.candidate is None
    assert "since the last time" in again.reason
