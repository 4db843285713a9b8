"""How often a digit is written when counting from 1 to n, by closed form."""

MOST_DIGITS = 1_001


def count_digit(digit: int, n: int) -> int:
    """Return how often `digit` stands in the decimal numbers 1, 2, …, n, written without leading zeros.

    At the place worth p = 10^k, the numbers up to n run through whole rounds of 10·p. With n = high·10p + own·p + low:

    - a digit d ≥ 1 stands there high·p times, and further p times if own > d, or low + 1 times if own = d;
    - for 0 the numbers below 10p do not count, for their zero there would be a leading one: high − 1 takes the place
      of high (where high ≥ 1).

    One step per digit of n: some milliseconds for n = 10^1000.

    Raises:
        ValueError: the digit is none, or n is negative.

    >>> count_digit(7, 1000), count_digit(0, 1000), count_digit(1, 11), count_digit(3, 0)
    (300, 192, 4, 0)
    """
    if not 0 <= digit <= 9:
        raise ValueError(f"{digit} is no digit. Give one from 0 to 9.")
    if n < 0:
        raise ValueError(f"{n} is below zero. Counting goes from 1 to n.")
    count, place = 0, 1
    while place <= n:
        higher, low = divmod(n, place)
        high, own = divmod(higher, 10)
        if digit == 0:
            if high == 0:
                break
            high -= 1
        count += high * place
        if own > digit:
            count += place
        elif own == digit:
            count += low + 1
        place *= 10
    return count
