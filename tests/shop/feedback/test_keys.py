"""All ways to ask the same have one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.feedback.keys import MOST_KEY, NoQuery, checked_key, query_key

texts = st.text(max_size=300) | st.text(alphabet='ab -"é:1 ', max_size=40)


@pytest.mark.parametrize("text", ["red dress", "  Dress,RED ", "dréss red red", "DRESS! (red)"])
def test_case_order_accents_and_punctuation_do_not_count(text: str) -> None:
    assert query_key(text) == "dress red"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("jacket -leather", "-leather jacket"),
        ('coat -"dark wool"', "-dark -wool coat"),
        ("t-shirt", "shirt t"),
        ("straße", "strasse"),
        ("", ""),
        ("!?", ""),
    ],
)
def test_what_a_key_holds(text: str, key: str) -> None:
    assert query_key(text) == key


def test_a_picture_belongs_to_the_key() -> None:
    assert query_key("red", photo_id=12) == "photo:12 red"
    assert query_key("", listing_id=5) == "listing:5"
    assert query_key("", photo_id=12, listing_id=5) == "photo:12"


@given(text=texts, photo=st.none() | st.integers(1, 2**62))
def test_a_key_that_comes_back_from_a_page_stays_what_it_was(text: str, photo: int | None) -> None:
    key = query_key(text, photo_id=photo)
    assert len(key) <= MOST_KEY
    if key:
        assert checked_key(key) == key


@given(given_text=texts)
def test_whatever_comes_from_a_page_becomes_a_key_or_is_refused(given_text: str) -> None:
    try:
        key = checked_key(given_text)
    except NoQuery:
        return
    assert key == checked_key(key)
    assert "\0" not in key
