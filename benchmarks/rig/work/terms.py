"""The terms of the measured work, known to those who ask, do and disturb."""

import math
import random

LEASE_S = 10.0
SHORTEST_S, LONGEST_S = 0.05, 2.0
# Numbers from here on are asked for in transactions that are rolled back: they must never have an effect.
UNDONE_FROM = 1_000_000


def length_s(number: int, seed: int) -> float:
    """Return how long a job takes: from 0.05 to 2 s, many short and few long ones."""
    share = random.Random(f"{seed}/{number}").random()
    return SHORTEST_S * math.exp(share * math.log(LONGEST_S / SHORTEST_S))
