"""Votes become one bounded number, and a burst of them stays one vote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.recommend.votes import NEAR_COUNTS, Vote, nearness, signal

DAY = 86_400.0
names = st.sampled_from(["ada", "bob", "eve"])
votes = st.builds(
    Vote,
    listing_id=st.integers(1, 3),
    value=st.sampled_from([1, -1]),
    person=names,
    origin=st.sampled_from(["", "home", "work"]),
    age_s=st.floats(-10, 1e9),
    nearness=st.floats(0, 1),
)
keys = st.lists(st.sampled_from(["dress", "red", "-red", "blue", "photo:1", "photo:2"]), max_size=4).map(
    lambda words: " ".join(sorted(set(words)))
)


@given(said=st.lists(votes, max_size=30))
def test_the_number_stays_within_bounds_and_only_voted_listings_have_one(said: list[Vote]) -> None:
    numbers = signal(said, half_life_s=DAY)
    assert set(numbers) == {vote.listing_id for vote in said}
    assert all(-1 < number < 1 for number in numbers.values())


@given(said=st.lists(votes, max_size=30), data=st.data())
def test_turning_every_thumb_round_turns_the_numbers_round(said: list[Vote], data: st.DataObject) -> None:
    unlike = [Vote(v.listing_id, -v.value, v.person, v.origin, v.age_s, v.nearness) for v in said]
    there, back = signal(said, half_life_s=DAY), signal(unlike, half_life_s=DAY)
    assert all(there[listing] == pytest.approx(-back[listing], abs=1e-12) for listing in there)


def test_more_people_who_agree_say_more() -> None:
    told = [signal([Vote(7, 1, f"p{n}", f"o{n}", 0) for n in range(count)], half_life_s=DAY) for count in (1, 2, 10)]
    assert [round(numbers[7], 3) for numbers in told] == [0.333, 0.5, 0.833]


def test_a_burst_of_one_person_moves_no_more_than_one_vote() -> None:
    one = signal([Vote(7, 1, "eve", "den", 0)], half_life_s=DAY)
    near = [Vote(7, 1, "eve", f"elsewhere {n}", 0, 0.4) for n in range(500)]
    assert signal([Vote(7, 1, "eve", "den", 0), *near], half_life_s=DAY) == one


def test_a_burst_of_accounts_from_one_address_moves_no_more_than_one_vote() -> None:
    one = signal([Vote(7, -1, "eve", "den", 0)], half_life_s=DAY)
    assert signal([Vote(7, -1, f"eve {n}", "den", 0) for n in range(500)], half_life_s=DAY) == one


def test_a_burst_cannot_outvote_two_people_elsewhere() -> None:
    honest = [Vote(7, 1, "ada", "home", 0), Vote(7, 1, "bob", "work", 0)]
    burst = [Vote(7, -1, f"eve {n}", "den", 0) for n in range(500)]
    assert signal(honest + burst, half_life_s=DAY)[7] > 0


def test_what_was_said_long_ago_counts_half_after_each_half_life() -> None:
    fresh, old, older = (signal([Vote(7, 1, "ada", "", age * DAY)], half_life_s=DAY)[7] for age in (0, 1, 2))
    assert fresh == pytest.approx(1 / 3)
    assert old == pytest.approx(0.5 / 2.5)
    assert older == pytest.approx(0.25 / 2.25)


def test_what_was_said_for_a_near_query_counts_less() -> None:
    near = signal([Vote(7, 1, "ada", "", 0, 0.4)], half_life_s=DAY)[7]
    assert near == pytest.approx(0.4 / 2.4)


@given(key=keys, other=keys)
def test_nearness_is_mutual_and_whole_for_the_query_itself_only(key: str, other: str) -> None:
    assert nearness(key, other) == nearness(other, key)
    assert nearness(key, key) == (1.0 if key else 0.0)
    assert key == other or 0 <= nearness(key, other) <= NEAR_COUNTS


@pytest.mark.parametrize(
    ("key", "other"),
    [("dress red", "shoes blue"), ("dress red", "-red dress"), ("photo:1 red", "photo:2 red"), ("red", "photo:2 red")],
)
def test_other_questions_are_not_near(key: str, other: str) -> None:
    assert nearness(key, other) == 0


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        signal([], half_life_s=0)
