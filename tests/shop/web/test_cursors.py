"""Cursors say where a list stopped, and nothing else is taken for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.shop.web.cursors import InvalidCursor, decode_cursor, encode_cursor

values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.none(),
)


@given(st.lists(values, min_size=1, max_size=4))
def test_what_goes_in_comes_out(row: list[object]) -> None:
    text = encode_cursor(*row)
    assert text.isascii()
    assert not set(text) & set("+/=&?#")
    assert decode_cursor(text, length=len(row)) == row


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_has_the_right_length(text: str) -> None:
    with suppress(InvalidCursor):
        assert len(decode_cursor(text, length=2)) == 2


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidCursor, match="another list"):
        decode_cursor(encode_cursor("newest", 7), length=3)
