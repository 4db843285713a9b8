"""What somebody typed, as words to find and words to leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.search.words import MOST_TERMS, Term, Words, folded, parse_words, split_words


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("red shoes", [Term(("red",)), Term(("shoes",), is_open=True)], []),
        ("red shoes ", [Term(("red",)), Term(("shoes",), is_open=True)], []),
        ("shoes -leather", [Term(("shoes",))], [Term(("leather",))]),
        ('"summer dress"', [Term(("summer", "dress"))], []),
        ('-"faux fur" coat', [Term(("coat",), is_open=True)], [Term(("faux", "fur"))]),
        ("t-shirt", [Term(("t", "shirt"), is_open=True)], []),
        ("red red red", [Term(("red",)), Term(("red",), is_open=True)], []),
        ("ÉTÉ", [Term(("ete",), is_open=True)], []),
        ("  -  !? ", [], []),
        ('unclosed "quote here', [Term(("unclosed",)), Term(("quote",)), Term(("here",), is_open=True)], []),
    ],
)
def test_words_phrases_and_minus_words_are_read(text: str, wanted: list[Term], unwanted: list[Term]) -> None:
    assert parse_words(text) == Words(tuple(wanted), tuple(unwanted))


@given(st.text(max_size=300))
def test_anything_can_be_typed(text: str) -> None:
    words = parse_words(text)
    assert len(words.wanted) + len(words.unwanted) <= MOST_TERMS
    assert all(term.words and all(term.words) for term in (*words.wanted, *words.unwanted))
    assert not any(term.is_open for term in words.unwanted)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert split_words(" ".join(split_words(text))) == split_words(text)


def test_only_latin_letters_lose_their_accents() -> None:
    assert folded("Şık Ångström naïve") == "sık angstrom naive"
    assert folded("Йод が 한국 Ά") == "йод が 한국 ά"
