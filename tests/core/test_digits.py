"""Counting digits: the closed form agrees with counting by hand, and with itself where no hand can count."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feira.core.digits import count_digit


@given(digit=st.integers(0, 9), n=st.integers(0, 3000))
def test_it_agrees_with_counting_one_by_one(digit: int, n: int) -> None:
    assert count_digit(digit, n) == sum(str(number).count(str(digit)) for number in range(1, n + 1))


@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 10**1000))
def test_all_digits_together_are_all_that_is_written(n: int) -> None:
    length = len(str(n))
    written = sum(9 * 10 ** (k - 1) * k for k in range(1, length)) + length * (n - 10 ** (length - 1) + 1) if n else 0
    assert sum(count_digit(digit, n) for digit in range(10)) == written


@settings(max_examples=50, deadline=None)
@given(digit=st.integers(0, 9), n=st.integers(1, 10**1000))
def test_the_next_number_adds_its_own_digits(digit: int, n: int) -> None:
    assert count_digit(digit, n) - count_digit(digit, n - 1) == str(n).count(str(digit))


@pytest.mark.parametrize("k", [1, 2, 3, 10, 1000])
def test_powers_of_ten_have_known_answers(k: int) -> None:
    assert {count_digit(digit, 10**k) for digit in range(2, 10)} == {k * 10 ** (k - 1)}
    assert count_digit(1, 10**k) == k * 10 ** (k - 1) + 1
    assert count_digit(0, 10**k) == k * 10 ** (k - 1) - (10**k - 1) // 9 + k


@pytest.mark.parametrize(("digit", "n"), [(10, 5), (-1, 5), (3, -1)])
def test_anything_else_is_refused(digit: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"no digit|below zero"):
        count_digit(digit, n)
