"""A set of photo ids is a set, whichever way it is kept, and travels as bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feira.core.photo_set import PhotoSet

near = st.lists(st.integers(-200, 200), max_size=60)
anywhere = st.lists(st.integers(-(2**62), 2**62), max_size=20)


@given(ids=near | anywhere, asked=near | anywhere)
def test_it_is_a_set(ids: list[int], asked: list[int]) -> None:
    made = PhotoSet(ids)
    assert made.ids().tolist() == sorted(set(ids)) == list(made)
    assert len(made) == len(set(ids))
    assert made.mask(np.array(asked, dtype=np.int64)).tolist() == [photo_id in ids for photo_id in asked]
    assert all(photo_id in made for photo_id in ids)


@given(ids=near | anywhere)
def test_it_travels_as_bytes(ids: list[int]) -> None:
    made = PhotoSet(ids)
    again = PhotoSet.unpack(made.pack())
    assert (again.ids().tolist(), len(again)) == (made.ids().tolist(), len(made))
    assert again == made == PhotoSet(ids[::-1])
    assert again.digest == made.digest


@given(ids=st.lists(st.integers(0, 5000), max_size=60))
def test_its_bitmap_has_a_bit_for_each_id(ids: list[int]) -> None:
    bits = PhotoSet(ids).bitmap(most_bytes=1000)
    assert bits is not None
    assert np.flatnonzero(np.unpackbits(bits, bitorder="little")).tolist() == sorted(set(ids))


@pytest.mark.parametrize("ids", [[10**9], [10**9, 10**9 + 1], [-5, 3], [-(2**60)]])
def test_a_bitmap_that_would_be_too_long_or_begins_below_zero_is_not_made(ids: list[int]) -> None:
    assert PhotoSet(ids).bitmap(most_bytes=1000) is None


def test_neighbouring_ids_take_a_bit_each() -> None:
    assert len(PhotoSet(np.arange(1_000_000)).pack()) < 125_100
    assert len(PhotoSet(np.arange(0, 10**9, 10**6)).pack()) < 8_100


@pytest.mark.parametrize("content", [b"", b"x", b"b", b"b" + bytes(8), b"i123", b"b" + bytes([1]) + bytes(8)])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"set|size"):
        PhotoSet.unpack(content)
