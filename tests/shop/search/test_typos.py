"""Words nobody used, replaced by the nearest word that somebody did."""

import pytest

from feira.shop.search.typos import FRESH_FOR_S, CachedVocabulary, Vocabulary, corrected
from feira.shop.search.words import parse_words

KNOWN = Vocabulary({"dress": 40, "dresses": 4, "shoes": 30, "shirt": 20, "skirt": 10, "leather": 9, "red": 8, "42": 3})


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("derss", "dress"),  # swapped
        ("dres", "dress"),  # one missing
        ("shooes", "shoes"),  # one too many
        ("sherts", None),  # two slips are too many for six letters
        ("leahter", "leather"),
        ("leeathr", "leather"),  # two slips in seven letters
        ("shkirt", "shirt"),  # as near as "skirt", and more frequent
        ("skirf", "skirt"),
        ("rde", None),  # too short to tell
        ("4242", None),  # numbers mean what they say
        ("xylophone", None),
    ],
)
def test_the_nearest_word_is_taken_if_it_is_near_enough(word: str, nearest: str | None) -> None:
    assert KNOWN.nearest(word) == nearest


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("red dress", "red dress"),
        ("rad derss", "rad dress"),
        ("red leath", "red leath"),  # the beginning of a known word, still being typed
        ("leath red", "leath red"),
        ("ledther red", "leather red"),
        ('"red derss"', "red dress"),
        ("red -shurt", "red"),
    ],
)
def test_only_wanted_words_that_nobody_used_are_replaced(text: str, better: str) -> None:
    words = corrected(parse_words(text), KNOWN)
    assert " ".join(word for term in words.wanted for word in term.words) == better
    assert words.unwanted == parse_words(text).unwanted


def test_the_vocabulary_is_read_again_after_a_while() -> None:
    now, reads = [0.0], []

    def read() -> dict[str, int]:
        reads.append(now[0])
        return {f"word{len(reads)}": 1}

    cached = CachedVocabulary(read, clock=lambda: now[0])
    assert cached.get().words == ("word1",)
    now[0] = FRESH_FOR_S
    assert cached.get().words == ("word1",)
    now[0] += 0.1
    assert cached.get().words == ("word2",)
    cached.forget()
    assert cached.get().words == ("word3",)
